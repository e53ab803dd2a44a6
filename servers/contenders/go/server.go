// A goroutine for each client. It reads as if it blocked: the runtime parks it and
// waits for all sockets in epoll(7).
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const lineBytesMax = 65536

func work(rounds uint64) uint64 {
	x := uint64(0x9E3779B97F4A7C15)
	for ; rounds > 0; rounds-- {
		for i := 0; i < 64; i++ {
			x = (x ^ x>>32) * 0xD6E8FEB86659FD93
		}
	}
	return x
}

func isInteger(word string) bool {
	digits := strings.TrimPrefix(word, "-")
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}

func mul(words []string) string {
	if len(words) != 2 || !isInteger(words[0]) || !isInteger(words[1]) {
		return "ERR bad-argument MUL takes two whole numbers in decimal, as in MUL 22 9\n"
	}
	a, _ := new(big.Int).SetString(words[0], 10)
	b, _ := new(big.Int).SetString(words[1], 10)
	return "OK " + a.Mul(a, b).String() + "\n"
}

func workAndWait(words []string) string {
	var numbers [3]uint64
	for i := range numbers {
		if len(words) < 3 || len(words) > 4 {
			return "ERR bad-argument WORK takes rounds, microseconds, bytes and maybe a tag\n"
		}
		n, err := strconv.ParseUint(words[i], 10, 32)
		if err != nil {
			return "ERR bad-argument WORK takes whole numbers\n"
		}
		numbers[i] = n
	}
	reply := fmt.Sprintf("OK %016x", work(numbers[0]))
	// One job is a turn: the others' sockets are looked at before the next.
	runtime.Gosched()
	time.Sleep(time.Duration(numbers[1]) * time.Microsecond)
	if len(words) == 4 {
		reply += " " + words[3]
	}
	if missing := int(numbers[2]) - len(reply) - 1; missing > 0 {
		reply += " " + strings.Repeat(".", missing-1)
	}
	return reply + "\n"
}

// answer returns the reply to a line, and whether it is the last one.
func answer(line []byte) ([]byte, bool) {
	verb, rest, _ := bytes.Cut(line, []byte(" "))
	switch strings.ToUpper(string(verb)) {
	case "ECHO":
		return append(append([]byte("OK "), rest...), '\n'), false
	case "MUL":
		return []byte(mul(strings.Fields(string(rest)))), false
	case "WORK":
		return []byte(workAndWait(strings.Fields(string(rest)))), false
	case "QUIT":
		return []byte("OK bye\n"), true
	}
	return []byte("ERR unknown-verb the verbs are ECHO, MUL, WORK and QUIT\n"), false
}

func serve(client *net.TCPConn, stopping <-chan struct{}) {
	defer client.Close()
	input, output := bufio.NewReaderSize(client, lineBytesMax), bufio.NewWriter(client)
	for {
		line, err := input.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			output.WriteString("ERR too-long a line holds 65536 bytes at most\n")
			break
		}
		if err != nil && (len(line) == 0 || isClosed(stopping)) {
			break
		}
		reply, last := answer(bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")))
		output.Write(reply)
		if last || err != nil {
			break
		}
		// Replies to requests that came together leave together.
		if input.Buffered() == 0 && output.Flush() != nil {
			return
		}
	}
	if output.Flush() == nil {
		linger(client)
	}
}

// linger drops what still comes: closing with unread input would reset the connection
// and destroy the last reply.
func linger(client *net.TCPConn) {
	client.CloseWrite()
	client.SetReadDeadline(time.Now().Add(time.Second))
	for buffer := make([]byte, 4096); ; {
		if _, err := client.Read(buffer); err != nil {
			return
		}
	}
}

func isClosed(channel <-chan struct{}) bool {
	select {
	case <-channel:
		return true
	default:
		return false
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	signals, stopping := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		close(stopping)
		listener.Close()
	}()
	var clients sync.WaitGroup
	var live sync.Map
	for !isClosed(stopping) {
		client, err := listener.Accept()
		if err != nil {
			// No descriptor is left, or the client has gone already.
			time.Sleep(10 * time.Millisecond)
			continue
		}
		clients.Add(1)
		live.Store(client, nil)
		go func() {
			defer clients.Done()
			defer live.Delete(client)
			serve(client.(*net.TCPConn), stopping)
		}()
	}
	live.Range(func(client, _ any) bool {
		client.(*net.TCPConn).CloseRead()
		return true
	})
	drained := make(chan struct{})
	go func() { clients.Wait(); close(drained) }()
	select {
	case <-drained:
	case <-time.After(5 * time.Second):
	}
}
