// Answers each line with the product of its two numbers. A goroutine for each client.
//
//	go build -o server server.go && ./server PORT
//	printf '22 9\n' | nc -N 127.0.0.1 PORT
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/signal"
	"regexp"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	lineBytesMax = 65536
	drain        = 2 * time.Second
)

var (
	twoNumbers = regexp.MustCompile(`^\s*(-?\d+)\s+(-?\d+)\s*$`)
	stopping   atomic.Bool
	clients    sync.Map // Each client's connection.
	serving    sync.WaitGroup
)

func answer(line []byte) string {
	words := twoNumbers.FindSubmatch(line)
	if words == nil {
		return "ERR bad-argument send two whole numbers, as in 22 9\n"
	}
	first, _ := new(big.Int).SetString(string(words[1]), 10)
	second, _ := new(big.Int).SetString(string(words[2]), 10)
	return first.Mul(first, second).String() + "\n"
}

// Cuts what arrives into lines: Read returns any part of a line, or many lines.
func converse(client *net.TCPConn) {
	lines := bufio.NewReaderSize(client, lineBytesMax)
	for lastLook := false; !lastLook; {
		lastLook = stopping.Load() && lines.Buffered() == 0
		line, err := lines.ReadSlice('\n')
		reply := ""
		switch {
		case err == bufio.ErrBufferFull:
			reply = "ERR too-long a line holds 65536 bytes at most\n"
		case err == nil, err == io.EOF && len(line) > 0 && !stopping.Load():
			reply = answer(bytes.TrimSuffix(line, []byte("\n"))) // The last may have no line feed.
		}
		if _, failed := io.WriteString(client, reply); failed != nil || err != nil {
			return
		}
	}
}

func serve(client *net.TCPConn) {
	defer serving.Done()
	defer client.Close()
	defer clients.Delete(client)
	converse(client)
	// Closing with unread input would reset the connection and destroy the last reply.
	client.CloseWrite()
	client.SetReadDeadline(time.Now().Add(time.Second))
	io.Copy(io.Discard, client)
}

func acceptClients(listener net.Listener) {
	for !stopping.Load() {
		client, err := listener.Accept()
		if err != nil { // No descriptor left, or the client has gone already.
			time.Sleep(50 * time.Millisecond)
			continue
		}
		serving.Add(1)
		clients.Store(client, nil)
		go serve(client.(*net.TCPConn))
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go acceptClients(listener)
	<-signals
	stopping.Store(true)
	listener.Close()
	clients.Range(func(client, _ any) bool {
		client.(*net.TCPConn).CloseRead() // Wakes a goroutine that waits in Read.
		return true
	})
	time.AfterFunc(drain, func() { os.Exit(0) })
	serving.Wait()
}
