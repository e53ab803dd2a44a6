# Shared by run_autograder and grade.sh: builds one submission and checks it.
#
# Needs GRADER (the folder of this file) and C10K (the program).

. "$GRADER/assignment.sh"

# Runs a command without root's rights, so that a student's server has none.
unprivileged() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs "$@"
    else
        "$@"
    fi
}

# Builds the submission in $1 (a copy of it), logs to $2, and sets COMMAND to what starts the server.
# On failure it sets PROBLEM and returns 1.
build() {
    BUILT= COMMAND=
    if [ -f "$1/server.py" ]; then
        COMMAND="python3 '$1/server.py' {port}"
    elif [ -f "$1/Makefile" ]; then
        BUILT="make" COMMAND="'$1/server' {port}"
    elif [ -f "$1/server.c" ]; then
        BUILT="cc -O2 -pthread server.c -o server" COMMAND="'$1/server' {port}"
    elif [ -f "$1/Server.java" ]; then
        BUILT="javac Server.java" COMMAND="java -cp '$1' Server {port}"
    elif [ -f "$1/server.go" ]; then
        BUILT="go build -o server server.go" COMMAND="'$1/server' {port}"
    else
        PROBLEM="There is no server.py, Makefile, server.c, Server.java or server.go at the top of the submission."
        return 1
    fi
    [ -z "$BUILT" ] && return 0
    if ! (cd "$1" && unprivileged env HOME="$1" GOCACHE="$1/.go" GO111MODULE=off \
        timeout "$BUILD_SECONDS" sh -c "$BUILT") >"$2" 2>&1 </dev/null; then
        PROBLEM="The build failed ($BUILT):
$(head -c 4000 "$2")"
        return 1
    fi
}

# check SUBMISSION RESULTS.json FORMAT: grades a copy of a submission. FORMAT is gradescope or json.
# On failure it sets PROBLEM and returns 1.
check() {
    PROBLEM=
    # What we write stands beside what the submission brings: its links lead nowhere of ours.
    top=$(mktemp -d)
    chmod 755 "$top"
    work=$top/submission
    cp -RP "$1/." "$work"
    if [ "$(id -u)" -eq 0 ]; then chown -hR 65534:65534 "$work"; fi
    if build "$work" "$top/build.log"; then
        points=
        [ "$3" = gradescope ] && points="--points $POINTS"
        # The report goes through a pipe of ours: the server cannot write to the file.
        # shellcheck disable=SC2086 # options are words
        unprivileged timeout --kill-after=10 "$CHECK_SECONDS" "$C10K" check \
            --command "$COMMAND" --app "$APP" --framing "$FRAMING" $CHECK_OPTIONS \
            "--$3" - $points >"$2.new" 2>"$2.said" </dev/null
        status=$?
        if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
            PROBLEM="The checks took longer than $CHECK_SECONDS seconds."
        elif [ "$status" -gt 1 ] || ! [ -s "$2.new" ]; then
            PROBLEM="c10k check could not grade this (exit code $status): $(head -c 4000 "$2.said")"
        fi
    fi
    rm -rf "$top"
    if [ -n "$PROBLEM" ]; then
        rm -f "$2.new" "$2.said"
        return 1
    fi
    mv "$2.new" "$2"
    rm -f "$2.said"
}
