package sandbox_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

func ExampleSandbox_StartProcess() {
	process, err := box.StartProcess(ctx, []string{"sh", "-c", "sleep 0.1; echo done"}, runtime.StartProcessOptions{Timeout: time.Hour})
	if err != nil {
		log.Fatal(err)
	}
	defer process.Remove(ctx)
	// Another program, too, could wait for it now: with sandbox.Open and Sandbox.Process(process.ID).
	ended, err := process.Wait(ctx, runtime.WaitProcessOptions{Stdout: os.Stdout})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ended.Result.ExitCode)
}

func ExampleSandbox_Processes() {
	processes, err := box.Processes(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range processes {
		fmt.Println(p.ID, p.Argv, p.Running())
	}
}

func ExampleSandbox_Process() {
	_, err := box.Process("0123456789ab").Wait(ctx, runtime.WaitProcessOptions{NoWait: true})
	if errors.Is(err, runtime.ErrProcessNotFound) {
		fmt.Println("it was removed")
	}
}

func ExampleProcess_Wait() {
	process, err := box.StartProcess(ctx, []string{"sleep", "1000"}, runtime.StartProcessOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer process.Remove(ctx)
	var output sandbox.Buffer
	now, err := process.Wait(ctx, runtime.WaitProcessOptions{NoWait: true, Stdout: &output, Stderr: &output})
	if err != nil {
		log.Fatal(err)
	}
	if now.Running() {
		fmt.Println("so far:", output.String())
	}
}

func ExampleProcess_Signal() {
	process, err := box.StartProcess(ctx, []string{"sleep", "1000"}, runtime.StartProcessOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer process.Remove(ctx)
	const sigkill = 9 // ends all that it started
	if err := process.Signal(ctx, sigkill); err != nil {
		log.Fatal(err)
	}
}

func ExampleProcess_Remove() {
	process, err := box.StartProcess(ctx, []string{"sleep", "1000"}, runtime.StartProcessOptions{})
	if err != nil {
		log.Fatal(err)
	}
	if err := process.Remove(ctx); err != nil {
		log.Fatal(err)
	}
}
