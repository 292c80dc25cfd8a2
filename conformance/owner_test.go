package conformance

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// ownerVariable makes a test process one that has attached sandboxes until it is killed: URL, image, mark and number.
const ownerVariable = "SANDLOT_TEST_OWNER"

// ownedVariable is how many sandboxes it has, where that is not a few.
const ownedVariable = "SANDLOT_TEST_OWNED"

// What attached/closed proves with a Runtime that is closed, this proves with a process that is killed.
func TestKilledOwner(t *testing.T) {
	if v := os.Getenv(ownerVariable); v != "" {
		own(t, strings.Fields(v))
		return
	}
	owned := 4
	if v := os.Getenv(ownedVariable); v != "" {
		var err error
		if owned, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	proveEach(t, 3*time.Minute, func(t *testing.T, e testEngine) Case {
		return Case{
			ID: "owner/killed", Contract: contractAttached, Needs: []runtime.Capability{runtime.CapabilityAttached},
			Rule: "When the process of its Runtime dies, an attached sandbox ends with all that runs in it, and is removed.",
			Run: func(ct *T) {
				cmd := exec.Command(os.Args[0], "-test.run=^TestKilledOwner$")
				cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %s %d", ownerVariable, e.url, ct.Image(), ct.token, owned))
				cmd.Stderr = os.Stderr
				out, err := cmd.StdoutPipe()
				ct.NoError("a pipe", err)
				ct.NoError("starting the owner", cmd.Start())
				line, err := bufio.NewReader(out).ReadString('\n')
				ct.NoError("waiting for its sandboxes", err)
				ct.Equal("what it says", line, "they run\n")
				mine := map[string]string{labelCase: ct.token}
				ct.Equal("how many there are", len(ct.list(mine)), owned)
				begun := time.Now()
				ct.NoError("killing the owner", cmd.Process.Kill())
				_ = cmd.Wait() // it was killed
				ended := false
				for {
					all := ct.list(mine)
					running := 0
					for _, s := range all {
						if s.State == runtime.StateRunning {
							running++
						}
					}
					if running == 0 && !ended {
						ended = true
						t.Logf("%d have ended after %v", owned, time.Since(begun).Round(time.Millisecond))
					}
					if len(all) == 0 {
						t.Logf("%d are removed after %v", owned, time.Since(begun).Round(time.Millisecond))
						return
					}
				}
			},
		}
	})
}

func own(t *testing.T, args []string) {
	rt, err := testEngine{url: args[0]}.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(args[3])
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	slots := make(chan struct{}, 4)
	for range n {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			res, err := rt.Run(context.Background(), args[1], runtime.RunOptions{Attached: true, Labels: map[string]string{labelCase: args[2]}})
			if err == nil {
				_, err = rt.Exec(context.Background(), res.ID, probeArgv("leave", args[2], "ignore"), runtime.ExecOptions{})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	fmt.Println("they run")
	_, _ = io.Copy(io.Discard, os.Stdin)
	select {}
}
