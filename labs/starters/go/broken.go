// Answers with the product of two numbers. It works when you try it by hand: what is wrong?
//
//	go build -o broken broken.go && ./broken PORT
//	printf '22 9\n' | nc -N 127.0.0.1 PORT
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"
)

func serve(client net.Conn) {
	for {
		var first, second int
		_, err := fmt.Fscanln(client, &first, &second)
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		_, err = fmt.Fprintln(client, first*second)
		if err != nil {
			log.Fatal(err)
		}
	}
	client.Close()
}

func main() {
	listener, err := net.Listen("tcp", ":"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(client)
	}
}
