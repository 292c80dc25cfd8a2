// Package namespaces is a runtime in a few hundred lines: it runs sandboxes in the namespaces of the Linux kernel that it runs on itself,
// without an engine, a daemon or a network. It is the worked example of docs/writing-a-runtime.md and passes the conformance suite.
//
// It needs root, be it that of a user namespace, and Linux 5.12 or later. What it knows of sandboxes is in a directory of files, so that it does not matter which process asks:
//
//	images/REF/      image.json, root.tar: what Import made
//	sandboxes/NAME/  sandbox.json, root/ (the root file system), volumes/ (anonymous ones), init.json (the first process)
//	volumes/NAME/    named volumes
//	tmp/             what is not whole yet, or on its way out
//
// It is an example, and says so in its capabilities: it has no control groups, so no limits on memory, processors and processes; no
// filter of system calls; no network but the loopback; and it builds no images. Root in a sandbox is whoever runs this, without any
// capability, as in a container of rootful Docker. Use an engine where that is not enough.
package namespaces
