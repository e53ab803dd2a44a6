# What this assignment asks for. Teachers edit this file and nothing else.

APP=multiply             # what a request means: bench, echo or multiply (docs/protocol.md)
FRAMING=line             # line or raw
POINTS=20                # what the assignment is worth
BUILD_SECONDS=120        # how long a build may take
CHECK_SECONDS=1500       # how long all checks of one submission may take
CHECK_OPTIONS="--confirm"   # more options of c10k check, for instance --only NAME,NAME
