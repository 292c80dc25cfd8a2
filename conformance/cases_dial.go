package conformance

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

const contractDial = "runtime.Dialer.Dial"

func dialCases() []Case {
	cases := append(dialReachCases(), dialConnCases()...)
	for i := range cases {
		cases[i].Contract = contractDial
		cases[i].Needs = append([]runtime.Capability{runtime.CapabilityDial}, cases[i].Needs...)
	}
	return cases
}

// dialReachCases are about what is reached, and what is not.
func dialReachCases() []Case {
	return []Case{
		{
			ID:   "dial/tcp",
			Rule: "A server on the sandbox's loopback is reached, with no network and no published port.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.serving(id, "echo")
				t.echoesBack(t.DialIn(id, "tcp", dialled), t.token)
			},
		},
		{
			ID:   "dial/localhost",
			Rule: "localhost is the sandbox's loopback, though no name can be looked up.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.serving(id, "echo")
				t.echoesBack(t.DialIn(id, "tcp", "localhost:8080"), t.token)
			},
		},
		{
			ID:   "dial/unix",
			Rule: "A unix socket is reached by its path.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.Start(id, runtime.ExecOptions{}, "serve", "unix", "/tmp/socket", "echo").Ready()
				t.echoesBack(t.DialIn(id, "unix", "/tmp/socket"), t.token)
			},
		},
		{
			ID:   "dial/unix-relative",
			Rule: "The path of a unix socket is relative to the sandbox's working directory.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{WorkingDir: "/tmp"})
				t.Start(id, runtime.ExecOptions{}, "serve", "unix", "/tmp/@socket", "echo").Ready()
				t.echoesBack(t.DialIn(id, "unix", "@socket"), t.token)
			},
		},
		{
			ID:   "dial/unix-long-path",
			Rule: "The path of a unix socket may be longer than a socket's address.",
			Run: func(t *T) {
				id := t.Sandbox()
				dir := "/tmp/" + strings.Repeat("d", 120)
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", dir)
				t.Start(id, runtime.ExecOptions{Dir: dir}, "serve", "unix", "socket", "echo").Ready()
				t.echoesBack(t.DialIn(id, "unix", dir+"/socket"), t.token)
			},
		},
		{
			ID:   "dial/refused",
			Rule: "Where nothing listens, Dial is ErrRefused and ECONNREFUSED.",
			Run: func(t *T) {
				id := t.Sandbox()
				for _, address := range []string{dialled, "localhost:8080"} {
					_, err := t.TryDialIn(t.ctx, id, "tcp", address, runtime.DialOptions{})
					t.ErrorIs("dialling "+address, err, runtime.ErrRefused)
					t.ErrorIs("dialling "+address, err, syscall.ECONNREFUSED)
				}
			},
		},
		{
			ID:   "dial/missing-path",
			Rule: "A unix socket that does not exist is ErrFileNotFound.",
			Run: func(t *T) {
				id := t.Sandbox()
				_, err := t.TryDialIn(t.ctx, id, "unix", "/tmp/nothing", runtime.DialOptions{})
				t.ErrorIs("dialling", err, runtime.ErrFileNotFound)
			},
		},
		{
			ID: "dial/user", Needs: []runtime.Capability{runtime.CapabilityUser},
			Rule: "Dial has the rights of the user that is asked for: a socket that it may not connect to is ErrPermission.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.Start(id, runtime.ExecOptions{User: workerName}, "serve", "unix", "/tmp/socket", "echo").Ready()
				_, err := t.TryDialIn(t.ctx, id, "unix", "/tmp/socket", runtime.DialOptions{User: otherName})
				t.ErrorIs("dialling as another user", err, runtime.ErrPermission)
				c, err := t.TryDialIn(t.ctx, id, "unix", "/tmp/socket", runtime.DialOptions{User: workerName})
				t.NoError("dialling as its owner", err)
				t.echoesBack(c, t.token)
			},
		},
		{
			ID:   "dial/other-sandbox",
			Rule: "What listens in one sandbox is not reached from another's loopback.",
			Run: func(t *T) {
				first, second := t.Sandbox(), t.Sandbox()
				t.serving(first, "say", "first")
				_, err := t.TryDialIn(t.ctx, second, "tcp", dialled, runtime.DialOptions{})
				t.ErrorIs("dialling in the other sandbox", err, runtime.ErrRefused)
				t.serving(second, "say", "second")
				t.Equal("who answers in the first", t.readsAll(t.DialIn(first, "tcp", dialled)), "first")
				t.Equal("who answers in the second", t.readsAll(t.DialIn(second, "tcp", dialled)), "second")
			},
		},
		{
			ID:   "dial/invalid",
			Rule: "Other networks, and addresses that are none, are ErrInvalid.",
			Run: func(t *T) {
				id := t.Sandbox()
				for _, to := range [][2]string{
					{"udp", dialled}, {"", dialled}, {"unixgram", "/tmp/socket"}, {"tcp", ""}, {"tcp", "127.0.0.1"}, {"tcp", "127.0.0.1:0"},
					{"tcp", "127.0.0.1:65536"}, {"tcp", "127.0.0.1:http"}, {"tcp", "example.com:80"}, {"tcp", ":8080"}, {"unix", ""}, {"unix", "a\x00b"},
				} {
					_, err := t.TryDialIn(t.ctx, id, to[0], to[1], runtime.DialOptions{})
					t.ErrorIs(fmt.Sprintf("dialling %q %q", to[0], to[1]), err, runtime.ErrInvalid)
				}
			},
		},
		{
			ID:   "dial/not-running",
			Rule: "A sandbox that has been stopped is ErrNotRunning, and one that is gone ErrNotFound.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				t.stop(id, runtime.StopOptions{})
				_, err := t.TryDialIn(t.ctx, id, "tcp", dialled, runtime.DialOptions{})
				t.ErrorIs("dialling in a stopped sandbox", err, runtime.ErrNotRunning)
				t.Remove(id)
				_, err = t.TryDialIn(t.ctx, id, "tcp", dialled, runtime.DialOptions{})
				t.ErrorIs("dialling in a removed sandbox", err, runtime.ErrNotFound)
			},
		},
		{
			ID:   "dial/ctx",
			Rule: "ctx ends the connecting, also when the server takes no connection, and not what is connected.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				t.serving(id, "echo")
				ctx, cancel := context.WithCancel(t.ctx)
				c, err := t.TryDialIn(ctx, id, "tcp", dialled, runtime.DialOptions{})
				t.NoError("dialling", err)
				cancel()
				t.echoesBack(c, t.token)
				_, err = t.TryDialIn(ctx, id, "tcp", dialled, runtime.DialOptions{})
				t.ErrorIs("dialling with a ctx that is done", err, context.Canceled)

				t.Start(id, runtime.ExecOptions{}, "deaf", "/tmp/deaf").Ready()
				for range 8 { // some connections wait in the kernel
					ctx, cancel := context.WithTimeout(t.ctx, time.Second)
					_, err = t.TryDialIn(ctx, id, "unix", "/tmp/deaf", runtime.DialOptions{})
					cancel()
					if err != nil {
						break
					}
				}
				t.ErrorIs("dialling a server that accepts nothing", err, context.DeadlineExceeded)
			},
		},
	}
}

// dialConnCases are about what a connection does.
func dialConnCases() []Case {
	return []Case{
		{
			ID:   "dial/end",
			Rule: "When the server closes, all that it sent is read, and then the end.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.serving(id, "say", t.token)
				t.Equal("what is read", t.readsAll(t.DialIn(id, "tcp", dialled)), t.token)
			},
		},
		{
			ID:   "dial/reset",
			Rule: "A connection that the server resets ends with an error that is ECONNRESET, behind what was sent before.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.serving(id, "reset")
				c := t.DialIn(id, "tcp", dialled)
				_, err := c.Write([]byte("x"))
				t.NoError("writing", err)
				got, err := io.ReadAll(c)
				t.Equal("what was sent before", string(got), "word")
				t.True(errors.Is(err, syscall.ECONNRESET), "the error at the end", err, "one that is ECONNRESET")
			},
		},
		{
			ID:   "dial/half-close",
			Rule: "CloseWrite tells the server that nothing follows, and its answer is still read.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.serving(id, "sum")
				t.Start(id, runtime.ExecOptions{}, "serve", "unix", "/tmp/socket", "sum").Ready()
				for _, to := range [][2]string{{"tcp", dialled}, {"unix", "/tmp/socket"}} {
					c := t.DialIn(id, to[0], to[1])
					_, err := io.Copy(c, answer.Noise(1<<20))
					t.NoError("writing", err)
					t.NoError("closing the half", c.CloseWrite())
					t.Equal("the hash that comes back", t.readsAll(c), noiseSum(1<<20))
				}
			},
		},
		{
			ID:   "dial/close",
			Rule: "What was written before Close still arrives.",
			Run: func(t *T) {
				id := t.Sandbox()
				server := t.serving(id, "sum")
				c := t.DialIn(id, "tcp", dialled)
				_, err := io.Copy(c, answer.Noise(3<<20))
				t.NoError("writing", err)
				t.NoError("closing", c.Close())
				server.Await(noiseSum(3<<20) + "\n")
			},
		},
		{
			ID:   "dial/both-ways",
			Rule: "Much goes both ways at once and arrives as it was sent.",
			Run: func(t *T) {
				const size = 32 << 20
				id := t.Sandbox()
				t.serving(id, "exchange", fmt.Sprint(size))
				c := t.DialIn(id, "tcp", dialled)
				var sent sync.WaitGroup
				var sendErr error
				sent.Go(func() {
					if _, sendErr = io.Copy(c, answer.Noise(size)); sendErr == nil {
						sendErr = c.CloseWrite()
					}
				})
				h := sha256.New()
				_, err := io.CopyN(h, c, size)
				t.NoError("reading", err)
				theirs := t.readsAll(c)
				sent.Wait()
				t.NoError("writing", sendErr)
				t.Equal("the hash of what came", hex.EncodeToString(h.Sum(nil)), noiseSum(size))
				t.Equal("the hash of what arrived", theirs, noiseSum(size))
			},
		},
		{
			ID:   "dial/many",
			Rule: "64 connections at once are 64 connections.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.serving(id, "echo")
				conns := make([]net.Conn, 64)
				errs := make([]error, len(conns))
				var all sync.WaitGroup
				for i := range conns {
					all.Go(func() { conns[i], errs[i] = t.TryDialIn(t.ctx, id, "tcp", dialled, runtime.DialOptions{}) })
				}
				all.Wait()
				t.NoError("dialling", errors.Join(errs...))
				for i, c := range conns {
					_, err := fmt.Fprintf(c, "%08d", i)
					t.NoError("writing", err)
				}
				for i, c := range slices.Backward(conns) { // two that are one would answer in the order of the writes
					got := make([]byte, 8)
					_, err := io.ReadFull(c, got)
					t.NoError("reading", err)
					t.Equal("what came back", string(got), fmt.Sprintf("%08d", i))
				}
			},
		},
		{
			ID:   "dial/slow-reader",
			Rule: "A connection that is not read holds up neither another one nor an exec.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.serving(id, "exchange", fmt.Sprint(64<<20))
				t.Start(id, runtime.ExecOptions{}, "serve", "unix", "/tmp/socket", "echo").Ready()
				stuck := t.DialIn(id, "tcp", dialled)
				_, err := io.ReadFull(stuck, make([]byte, 1))
				t.NoError("reading a byte", err)
				t.echoesBack(t.DialIn(id, "unix", "/tmp/socket"), t.token)
				t.Equal("an exec", t.MustExec(id, runtime.ExecOptions{}, "say", t.token, ""), t.token)
			},
		},
		{
			ID:   "dial/deadline",
			Rule: "A read's deadline holds, and the connection goes on after it.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.serving(id, "echo")
				c := t.DialIn(id, "tcp", dialled)
				t.NoError("setting a deadline", c.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
				_, err := c.Read(make([]byte, 1))
				t.True(errors.Is(err, os.ErrDeadlineExceeded), "reading", err, os.ErrDeadlineExceeded.Error())
				t.NoError("taking it off", c.SetReadDeadline(time.Time{}))
				t.echoesBack(c, t.token)
			},
		},
		{
			ID:   "dial/sandbox-ends",
			Rule: "When the sandbox ends, its connections are ErrConnectionLost, and do not hang.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				server := t.serving(id, "hold")
				c := t.DialIn(id, "tcp", dialled)
				server.Await("held\n")
				t.Remove(id)
				_, err := c.Read(make([]byte, 1))
				t.ErrorIs("reading", err, runtime.ErrConnectionLost)
			},
		},
		{
			ID:   "dial/everything-killed",
			Rule: "After a command has killed all that it can, connections are ErrConnectionLost, and new ones can be made.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				server := t.serving(id, "hold")
				c := t.DialIn(id, "tcp", dialled)
				server.Await("held\n")
				t.Exec(id, runtime.ExecOptions{}, "signal-all", "9", t.token)
				_, err := c.Read(make([]byte, 1))
				t.True(err != nil && err != io.EOF, "reading", err, "an error that is no end")
				server.Wait()
				t.serving(id, "echo")
				t.echoesBack(t.DialIn(id, "tcp", dialled), t.token)
			},
		},
	}
}
