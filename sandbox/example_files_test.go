package sandbox_test

import (
	"fmt"
	"log"
	"os"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

func ExampleSandbox_Rename() {
	if err := box.WriteFile(ctx, "config.new", []byte("debug = false\n"), sandbox.FileOptions{}); err != nil {
		log.Fatal(err)
	}
	if err := box.Rename(ctx, "config.new", "config"); err != nil {
		log.Fatal(err)
	}
}

func ExampleSandbox_Chmod() {
	if err := box.WriteFile(ctx, "tool", []byte("#!/bin/sh\necho done\n"), sandbox.FileOptions{}); err != nil {
		log.Fatal(err)
	}
	if err := box.Chmod(ctx, "tool", 0o755); err != nil {
		log.Fatal(err)
	}
}

func ExampleSandbox_Chown() {
	if err := box.MkdirAll(ctx, "mail", sandbox.FileOptions{}); err != nil {
		log.Fatal(err)
	}
	if err := box.Chown(ctx, "mail", -1, 8); err != nil { // another group, the same user
		log.Fatal(err)
	}
}

func ExampleSandbox_Lchown() {
	if err := box.Symlink(ctx, "/var/spool/mail", "inbox"); err != nil {
		log.Fatal(err)
	}
	if err := box.Lchown(ctx, "inbox", 0, 0); err != nil {
		log.Fatal(err)
	}
}

func ExampleSandbox_Watch() {
	if err := box.MkdirAll(ctx, "out", sandbox.FileOptions{}); err != nil {
		log.Fatal(err)
	}
	events, err := box.Watch(ctx, "out", sandbox.WatchOptions{Recursive: true})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := box.Shell(ctx, "echo 42 >out/.part; mv out/.part out/result", runtime.ExecOptions{Stderr: os.Stderr}); err != nil {
		log.Fatal(err)
	}
	for event, err := range events {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(event.Op, event.Path, event.To)
		if event.To == "result" {
			break
		}
	}
}
