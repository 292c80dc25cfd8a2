package main

import (
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

func TestParseSignal(t *testing.T) {
	for text, want := range map[string]int{"TERM": 15, "sigint": 2, "9": 9, "KILL": 9, "64": 64} {
		if got, err := parseSignal(text); got != want || err != nil {
			t.Errorf("%s: got %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "65", "SIG", "NOTHING"} {
		if got, err := parseSignal(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

func TestProcessState(t *testing.T) {
	for want, r := range map[string]*runtime.ExecResult{
		"running": nil, "exited 3": {ExitCode: 3}, "signal 15": {ExitCode: 143, Signal: 15}, "timed out": {ExitCode: 124, TimedOut: true},
	} {
		if got := processState(runtime.Process{Result: r}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestProcessesWrong(t *testing.T) {
	f := &fake{images: []string{builtinTag}}
	f.call(t, "create", "--name", "box").want(t, 0, "box\n", "")
	f.call(t, "exec", "-d", "-i", "box", "true").want(t, 125, "", "--detach with -i or -t")
	f.call(t, "exec", "-d", "box", "true").want(t, 125, "", "cannot keep processes")
	f.call(t, "processes").want(t, 125, "", "usage: sandlot processes NAME")
	f.call(t, "wait", "box").want(t, 125, "", "usage: sandlot wait NAME PROCESS")
	f.call(t, "kill", "-s", "X", "box", "0123").want(t, 125, "", "not a signal")
	f.call(t, "logs", "other", "0123").want(t, 125, "", "not found")
}
