package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// serverCommand makes this program the server that runs in sandboxes. It prints its address when it is ready.
const serverCommand = "serve"

// What a client asks of the server by its first byte.
const (
	askEcho   = 'e' // each byte comes back
	askSink   = 's' // all is taken until the end, then its size comes back
	askSource = 'g' // bytes come until the client goes
)

func serve(args []string) error {
	if len(args) != 1 {
		return errors.New("serve ADDRESS")
	}
	l, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			_ = answer(conn) // the client sees it, whatever it is
		}()
	}
}

func answer(conn net.Conn) error {
	var ask [1]byte
	if _, err := io.ReadFull(conn, ask[:]); err != nil {
		return err
	}
	switch ask[0] {
	case askEcho:
		_, err := io.Copy(conn, conn)
		return err
	case askSink:
		n, err := io.Copy(io.Discard, conn)
		if err != nil {
			return err
		}
		return binary.Write(conn, binary.BigEndian, n)
	case askSource:
		_, err := io.Copy(conn, zeros{})
		return err
	}
	return errors.New("unknown request")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// roundTrips asks for the echo of a byte, so many times: how long each took.
func roundTrips(conn net.Conn, count int) ([]float64, error) {
	if _, err := conn.Write([]byte{askEcho}); err != nil {
		return nil, err
	}
	var out []float64
	b := []byte{1}
	for range count {
		start := time.Now()
		if _, err := conn.Write(b); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(conn, b); err != nil {
			return nil, err
		}
		out = append(out, time.Since(start).Seconds())
	}
	return out, nil
}

// upload sends so many bytes, until the server has them all.
func upload(conn net.Conn, size int64) error {
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.New("the connection cannot be closed on one side")
	}
	if _, err := conn.Write([]byte{askSink}); err != nil {
		return err
	}
	if _, err := io.CopyN(conn, zeros{}, size); err != nil {
		return err
	}
	if err := half.CloseWrite(); err != nil {
		return err
	}
	var got int64
	if err := binary.Read(conn, binary.BigEndian, &got); err != nil {
		return err
	}
	if got != size {
		return fmt.Errorf("%d of %d bytes arrived", got, size)
	}
	return nil
}

// download takes so many bytes.
func download(conn net.Conn, size int64) error {
	if _, err := conn.Write([]byte{askSource}); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, conn, size)
	return err
}
