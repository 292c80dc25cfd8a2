// Package runtime is the contract between Sandlot and what runs its sandboxes.
//
// A [Runtime] is a container engine, or anything else that can hold a sandbox: a container whose first process is
// Sandlot's guest and in which untrusted commands run. Users rarely call a Runtime themselves; package sandbox gives them
// a type that is easier to hold. Authors of runtimes implement the interface and run package conformance, which proves
// every obligation stated here.
//
// The contract is closed: the interface gains no methods. It grows by new fields in the option and result structs, whose
// zero value always means what it meant before, and by optional interfaces ([Puller], [Stopper], [ImageRemover], [VolumeRemover], [Sweeper], [Dialer],
// [FileChanger], [FileWatcher]). A runtime that wraps another exposes the optional interfaces of what it wraps, and no more.
//
// # Errors
//
// Every error that a runtime returns is, or wraps, an [*Error]: what was done, on which runtime, to which sandbox, one of
// the sentinels of this package as its kind, the engine's own words, and what to do next. Match kinds with [errors.Is].
// The error of a context stays matchable too. A command's exit status is a result and never an error.
//
// # Restrictions
//
// Restrictions fail closed. Each restriction an option can ask for has a [Capability], found out from the live
// engine. What the caller asked for and the engine cannot enforce is [errors.ErrUnsupported], before anything runs. A
// default that the engine cannot enforce is named in [RunResult].Warnings.
//
// # Concurrency
//
// All methods of a Runtime may be called at the same time, also for one sandbox, until Close.
package runtime
