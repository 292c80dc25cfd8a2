package conformance

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

// starterVariable makes a test process one that starts a process in a sandbox and waits for it until it is killed: URL, id and mark.
const starterVariable = "SANDLOT_TEST_STARTER"

// What process/other-client proves with a Runtime that is closed, this proves with a process that is killed.
func TestKilledClientsProcessGoesOn(t *testing.T) {
	if v := os.Getenv(starterVariable); v != "" {
		starter(t, strings.Fields(v))
		return
	}
	proveEach(t, 0, func(t *testing.T, e testEngine) Case {
		return Case{
			ID: "client/process", Contract: contractProcesses,
			Rule: "A process goes on when the one that started it, and waits for it, is killed.",
			Run: func(ct *T) {
				id := ct.Run(runtime.RunOptions{})
				cmd := exec.Command(os.Args[0], "-test.run=^TestKilledClientsProcessGoesOn$")
				cmd.Env = append(os.Environ(), starterVariable+"="+e.url+" "+id+" "+ct.token)
				said, err := cmd.StdoutPipe()
				ct.NoError("a pipe", err)
				ct.NoError("starting the client", cmd.Start())
				ct.Input("a process of a client that is killed while it waits")
				buf := make([]byte, 100)
				n, _ := said.Read(buf) // what the process has said, which the client passes on
				ct.Equal("what the process said", string(buf[:n]), "ready\n")
				ct.NoError("killing the client", cmd.Process.Kill())
				_ = cmd.Wait() // it was killed
				ids := ct.processIDs(id)
				if len(ids) != 1 {
					ct.Fatalf("the list\n  got:   %q\n  want:  one", ids)
				}
				ct.Equal("how many run", len(ct.Alive(id, ct.token)), 3)
				ct.SignalProcess(id, ids[0], 9)
				ct.Gone(id, ct.token)
				result, stdout := ct.ended(id, ids[0])
				ct.Equal("the result", result, runtime.ExecResult{ExitCode: 137, Signal: 9})
				ct.Equal("the output", stdout, "ready\n")
			},
		}
	})
}

func starter(t *testing.T, args []string) {
	rt, err := testEngine{url: args[0]}.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	processes := rt.(runtime.Processes)
	p, err := processes.StartProcess(t.Context(), args[1], probeArgv("tree", args[2], "child", "daemon"), runtime.StartProcessOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = processes.WaitProcess(t.Context(), args[1], p.ID, runtime.WaitProcessOptions{Stdout: os.Stdout})
	t.Errorf("waiting has ended: %v", err)
}
