//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// shellBuiltin is echo, printf, test and [ as programs: the interpreter's own.
func shellBuiltin(c *call) int {
	c.out.Flush()
	r, err := interp.New(interp.StdIO(os.Stdin, os.Stdout, os.Stderr))
	if err != nil {
		c.fail(err)
		return 2
	}
	call := &syntax.CallExpr{}
	for _, arg := range append([]string{c.name}, c.args...) {
		quoted, err := syntax.Quote(arg, syntax.LangBash)
		if err != nil {
			c.fail(err)
			return 2
		}
		word, err := newParser().Document(strings.NewReader(""))
		if err != nil {
			return 2
		}
		for w, err := range newParser().WordsSeq(strings.NewReader(quoted)) {
			if err != nil {
				c.fail(err)
				return 2
			}
			word = w
		}
		call.Args = append(call.Args, word)
	}
	err = r.Run(context.Background(), call)
	var status interp.ExitStatus
	if errors.As(err, &status) {
		return int(status)
	}
	if err != nil {
		c.fail(err)
		return 2
	}
	return 0
}

// expr evaluates; it answers 1 if the result is empty or 0, 2 if the expression is wrong.
func expr(c *call) int {
	if len(c.args) == 0 {
		return c.usage("give an expression")
	}
	e := &exprParser{words: c.args}
	value, err := e.binary(0)
	if err == nil && len(e.words) > 0 {
		err = fmt.Errorf("syntax error at %s", e.words[0])
	}
	if err != nil {
		return c.usage("%v", err)
	}
	fmt.Fprintln(c.out, value)
	if isNull(value) {
		return 1
	}
	return 0
}

type exprParser struct{ words []string }

var exprLevels = [][]string{{"|"}, {"&"}, {"<", "<=", "=", "==", "!=", ">=", ">"}, {"+", "-"}, {"*", "/", "%"}, {":"}}

func isNull(s string) bool { return s == "" || s == "0" }

func (e *exprParser) binary(level int) (string, error) {
	if level == len(exprLevels) {
		return e.primary()
	}
	left, err := e.binary(level + 1)
	for err == nil && len(e.words) > 0 {
		op := ""
		for _, o := range exprLevels[level] {
			if e.words[0] == o {
				op = o
			}
		}
		if op == "" {
			return left, nil
		}
		e.words = e.words[1:]
		var right string
		if right, err = e.binary(level + 1); err == nil {
			left, err = exprOp(op, left, right)
		}
	}
	return left, err
}

func exprOp(op, a, b string) (string, error) {
	truth := func(v bool) (string, error) {
		if v {
			return "1", nil
		}
		return "0", nil
	}
	x, errX := strconv.ParseInt(a, 10, 64)
	y, errY := strconv.ParseInt(b, 10, 64)
	numeric := errX == nil && errY == nil
	switch op {
	case "|":
		if isNull(a) {
			return b, nil
		}
		return a, nil
	case "&":
		if isNull(a) || isNull(b) {
			return "0", nil
		}
		return a, nil
	case ":":
		return exprMatch(a, b)
	case "<", "<=", "=", "==", "!=", ">=", ">":
		order := strings.Compare(a, b)
		if numeric {
			order = compareNumbers(float64(x), float64(y))
		}
		return truth(map[string]bool{"<": order < 0, "<=": order <= 0, "=": order == 0, "==": order == 0, "!=": order != 0, ">=": order >= 0, ">": order > 0}[op])
	}
	if !numeric {
		return "", errors.New("non-integer argument")
	}
	switch op {
	case "+":
		x += y
	case "-":
		x -= y
	case "*":
		x *= y
	default:
		if y == 0 {
			return "", errors.New("division by zero")
		}
		if op == "/" {
			x /= y
		} else {
			x %= y
		}
	}
	return strconv.FormatInt(x, 10), nil
}

func exprMatch(s, pattern string) (string, error) {
	re, err := regexp.Compile("^(?:" + posixToGo(strings.TrimPrefix(pattern, "^"), false) + ")")
	if err != nil {
		return "", errors.New("invalid regular expression")
	}
	re.Longest()
	m := re.FindStringSubmatch(s)
	switch {
	case len(m) > 1:
		return m[1], nil
	case m != nil:
		return strconv.Itoa(len([]rune(m[0]))), nil
	case re.NumSubexp() > 0:
		return "", nil
	}
	return "0", nil
}

func (e *exprParser) primary() (string, error) {
	take := func() (string, error) {
		if len(e.words) == 0 {
			return "", errors.New("the expression ends too early")
		}
		w := e.words[0]
		e.words = e.words[1:]
		return w, nil
	}
	w, err := take()
	if err != nil {
		return "", err
	}
	args := func(n int) (out []string, err error) {
		for range n {
			a, err := e.primary()
			if err != nil {
				return nil, err
			}
			out = append(out, a)
		}
		return out, nil
	}
	switch w {
	case "(":
		v, err := e.binary(0)
		if err != nil {
			return "", err
		}
		if end, err := take(); err != nil || end != ")" {
			return "", errors.New("missing )")
		}
		return v, nil
	case "length":
		a, err := args(1)
		if err != nil {
			return "", err
		}
		return strconv.Itoa(len([]rune(a[0]))), nil
	case "match":
		a, err := args(2)
		if err != nil {
			return "", err
		}
		return exprMatch(a[0], a[1])
	case "index":
		a, err := args(2)
		if err != nil {
			return "", err
		}
		return strconv.Itoa(strings.IndexAny(a[0], a[1]) + 1), nil
	case "substr":
		a, err := args(3)
		if err != nil {
			return "", err
		}
		runes := []rune(a[0])
		from, errF := strconv.Atoi(a[1])
		n, errN := strconv.Atoi(a[2])
		if errF != nil || errN != nil || from < 1 || n < 1 || from > len(runes) {
			return "", nil
		}
		return string(runes[from-1 : min(len(runes), from-1+n)]), nil
	case "+":
		return take()
	}
	return w, nil
}

// nc connects standard input and output with a TCP or UDP peer, or listens for one.
func nc(c *call) int {
	f := c.flags("[-luvz46N] [-w SECONDS] [-p PORT] HOST PORT | -l [HOST] PORT")
	listen := f.BoolP("listen", "l", false, "wait for a connection")
	udp := f.BoolP("udp", "u", false, "UDP")
	verbose := f.BoolP("verbose", "v", false, "say what happens")
	scan := f.BoolP("zero", "z", false, "only connect")
	port := f.StringP("port", "p", "", "with -l, the port")
	wait := f.IntP("wait", "w", 0, "give up after so many seconds without a connection")
	keep := f.BoolP("keep", "k", false, "with -l, one connection after the other")
	f.BoolP("shutdown", "N", false, "taken: the end of input is passed on")
	f.BoolP("numeric", "n", false, "taken, and ignored")
	four := f.BoolP("ipv4", "4", false, "IPv4")
	six := f.BoolP("ipv6", "6", false, "IPv6")
	if status, ok := c.parse(f); !ok {
		return status
	}
	network := "tcp"
	if *udp {
		network = "udp"
	}
	if *four {
		network += "4"
	} else if *six {
		network += "6"
	}
	args := c.args
	if *port != "" && *listen {
		args = append(args, *port)
	}
	if *listen && len(args) == 1 {
		args = []string{"", args[0]}
	}
	if len(args) != 2 {
		return c.usage("give a host and a port")
	}
	address := net.JoinHostPort(args[0], args[1])
	if *listen {
		return c.serve(network, address, *udp, *keep)
	}
	d := net.Dialer{Timeout: time.Duration(*wait) * time.Second}
	conn, err := d.Dial(network, address)
	if err != nil {
		c.netFail(err)
		return 1
	}
	if *verbose {
		fmt.Fprintf(c.err, "Connection to %s %s port [%s] succeeded!\n", args[0], args[1], network)
	}
	if *scan {
		conn.Close()
		return 0
	}
	c.relay(conn)
	return c.status()
}

func (c *call) netFail(err error) {
	var op *net.OpError
	if errors.As(err, &op) && op.Addr != nil {
		c.errorf("%s: %s", op.Addr, errText(op.Err))
		return
	}
	c.fail(err)
}

func (c *call) serve(network, address string, udp, keep bool) int {
	if udp {
		conn, err := net.ListenPacket(network, address)
		if err != nil {
			c.netFail(err)
			return 1
		}
		buf := make([]byte, 64<<10)
		n, peer, err := conn.ReadFrom(buf)
		if err != nil {
			c.netFail(err)
			return 1
		}
		os.Stdout.Write(buf[:n])
		go func() {
			copyAll(writerFunc(func(p []byte) (int, error) { return conn.WriteTo(p, peer) }), c.in)
		}()
		for {
			if n, _, err = conn.ReadFrom(buf); err != nil {
				return 1
			}
			os.Stdout.Write(buf[:n])
		}
	}
	l, err := net.Listen(network, address)
	if err != nil {
		c.netFail(err)
		return 1
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			c.netFail(err)
			return 1
		}
		if !keep {
			l.Close()
		}
		c.relay(conn)
		if !keep {
			return c.status()
		}
	}
}

// relay copies both ways until the peer has ended its side.
func (c *call) relay(conn net.Conn) {
	defer conn.Close()
	go func() {
		copyAll(conn, c.in)
		if half, ok := conn.(interface{ CloseWrite() error }); ok {
			half.CloseWrite()
		}
	}()
	if _, err := copyAll(os.Stdout, conn); err != nil && !errors.Is(err, io.EOF) {
		c.netFail(err)
	}
}
