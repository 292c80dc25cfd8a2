//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// high says that a redirection is of a descriptor above 2. The interpreter knows only 0 to 2.
func high(rd *syntax.Redirect) bool {
	if rd.N == nil {
		return false
	}
	n, err := strconv.Atoi(rd.N.Value)
	return err == nil && n > 2
}

func hasHighRedir(redirs []*syntax.Redirect) bool {
	for _, rd := range redirs {
		if high(rd) {
			return true
		}
	}
	return false
}

func unsupported(rd *syntax.Redirect) string {
	if rd.N != nil {
		if _, err := strconv.Atoi(rd.N.Value); err != nil {
			return "a redirection to " + rd.N.Value + ", a descriptor chosen by the shell, is not supported"
		}
	}
	return ""
}

// rewriteRedirect puts redirections that the interpreter does not know into its words.
func rewriteRedirect(rd *syntax.Redirect) {
	switch rd.Op {
	case syntax.RdrClob:
		rd.Op = syntax.RdrOut
	case syntax.RdrInOut:
		rd.Op = syntax.RdrIn
	case syntax.DplOut, syntax.DplIn:
		target := rd.Word.Lit()
		_, err := strconv.Atoi(target)
		switch {
		case target == "" || target == "-":
		case err != nil && rd.Op == syntax.DplOut && rd.N == nil: // >&file
			rd.Op = syntax.RdrAll
		case err == nil && rd.Op == syntax.DplOut && target != "1" && target != "2":
			rd.Op, rd.Word = syntax.AppOut, word(pathFd+target)
		case err == nil && rd.Op == syntax.DplIn:
			rd.Op, rd.Word = syntax.RdrIn, word(pathFd+target)
		}
	}
}

// execRedirs is what `exec` without a command becomes: each redirection in turn, given to the shell's own descriptors.
func execRedirs(redirs []*syntax.Redirect) syntax.Command {
	block := &syntax.Block{}
	for _, rd := range redirs {
		one := *rd
		side, target := "out", "1"
		switch rd.Op {
		case syntax.RdrIn, syntax.RdrInOut, syntax.DplIn, syntax.Hdoc, syntax.DashHdoc, syntax.WordHdoc:
			side, target = "in", "0"
		case syntax.RdrAll, syntax.AppAll:
			side = "both"
		}
		if rd.N != nil {
			target = rd.N.Value
		}
		one.N = nil
		dup := muted(&syntax.Stmt{Cmd: callOf(cmdDup, side, target), Redirs: []*syntax.Redirect{&one}})
		fail := &syntax.Stmt{Cmd: callOf("exit", "1")} // a redirection of exec that fails ends a shell
		block.Stmts = append(block.Stmts, &syntax.Stmt{Cmd: &syntax.BinaryCmd{Op: syntax.OrStmt, X: dup, Y: fail}})
	}
	if len(block.Stmts) == 0 {
		return callOf("true")
	}
	return block
}

// mutedStderr is what a muted command's standard error is: the interpreter writes its trace into nothing, and the command
// finds the real one.
type mutedStderr struct{ orig io.Writer }

func (mutedStderr) Write(p []byte) (int, error) { return len(p), nil }
func (mutedStderr) Read([]byte) (int, error)    { return 0, io.EOF }
func (mutedStderr) Close() error                { return nil }

// open opens what redirections name.
func (sh *shell) open(ctx context.Context, path string, flag int, perm os.FileMode) (io.ReadWriteCloser, error) {
	hc := interp.HandlerCtx(ctx)
	if path == pathMute {
		return mutedStderr{hc.Stderr}, nil
	}
	if digits, ok := strings.CutPrefix(path, pathFd); ok {
		return sh.dupOf(hc, digits)
	}
	if text, ok := sh.takeSource(path); ok {
		return text, nil
	}
	if path == "" {
		return nil, &os.PathError{Op: "open", Path: path, Err: syscall.ENOENT}
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(hc.Dir, path)
	}
	if flag&os.O_CREATE != 0 {
		perm = 0o666 // the umask says the rest
	}
	f, err := os.OpenFile(path, flag, perm)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (sh *shell) dupOf(hc interp.HandlerContext, digits string) (io.ReadWriteCloser, error) {
	fd, _ := strconv.Atoi(digits)
	var from any = nil
	switch fd {
	case 0:
		from = hc.Stdin
	case 1:
		from = hc.Stdout
	case 2:
		from = hc.Stderr
	}
	if f, ok := from.(*os.File); ok {
		fd = int(f.Fd())
	}
	if sh.fds[fd] {
		return nil, &os.PathError{Op: "dup", Path: digits, Err: unix.EBADF}
	}
	copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 10)
	if err != nil {
		return nil, &os.PathError{Op: "dup", Path: digits, Err: err}
	}
	return os.NewFile(uintptr(copied), digits), nil
}

// dup gives one of the shell's own descriptors what a redirection opened on standard input or output.
func (sh *shell) dup(hc interp.HandlerContext, side, target string) error {
	fd, err := strconv.Atoi(target)
	if err != nil {
		return fmt.Errorf("%s: bad descriptor", target)
	}
	var from any = hc.Stdout
	if side == "in" {
		from = hc.Stdin
	}
	f, ok := from.(*os.File)
	if !ok { // closed
		if fd > 2 {
			sh.fds.close(fd)
			return nil
		}
		if f, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
			return err
		}
		defer f.Close()
	}
	if err := sh.fds.set(int(f.Fd()), fd); err != nil {
		return err
	}
	if side == "both" {
		return dup2(int(f.Fd()), 2)
	}
	return nil
}
