package conformance

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

// clientVariable makes a test process one that runs trees in a sandbox until it is killed: URL, id and mark.
const clientVariable = "SANDLOT_TEST_CLIENT"

// What timeout/client-gone proves with a Runtime that is closed, this proves with a process that is killed.
func TestKilledClient(t *testing.T) {
	const execs, processes = 8, 4 // a tree has its leader and three more
	if v := os.Getenv(clientVariable); v != "" {
		client(t, strings.Fields(v), execs)
		return
	}
	proveEach(t, 0, func(t *testing.T, e testEngine) Case {
		return Case{
			ID: "client/killed", Contract: contractExec,
			Rule: "When the calling process dies, the trees of its execs are killed.",
			Run: func(ct *T) {
				id := ct.Run(runtime.RunOptions{})
				ct.MustExec(id, runtime.ExecOptions{}, "leave", ct.token+"other", "daemon")
				cmd := exec.Command(os.Args[0], "-test.run=^TestKilledClient$")
				cmd.Env = append(os.Environ(), clientVariable+"="+e.url+" "+id+" "+ct.token)
				ct.NoError("starting the client", cmd.Start())
				ct.Input("%d trees of a process", execs)
				for len(ct.Alive(id, ct.token)) < execs*processes {
					ct.NoError("waiting for the trees to stand", ct.ctx.Err())
				}
				ct.NoError("killing the client", cmd.Process.Kill())
				_ = cmd.Wait() // it was killed
				ct.EventuallyGone(id, ct.token)
				ct.Equal("how many processes of another exec are left", len(ct.Alive(id, ct.token+"other")), 1)
			},
		}
	})
}

func client(t *testing.T, args []string, execs int) {
	rt, err := testEngine{url: args[0]}.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range execs {
		wg.Go(func() {
			_, err := rt.Exec(t.Context(), args[1], probeArgv("tree", args[2], "child", "setsid", "daemon"), runtime.ExecOptions{})
			t.Errorf("an exec has ended: %v", err)
		})
	}
	wg.Wait()
}
