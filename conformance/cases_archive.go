package conformance

import "slices"

const (
	contractPut        = "runtime.Runtime.PutArchive"
	contractPutOptions = "runtime.PutArchiveOptions"
	contractPutResult  = "runtime.PutArchiveResult"
	contractGet        = "runtime.Runtime.GetArchive"
	contractGetOptions = "runtime.GetArchiveOptions"
)

// archiveCases are about files that go into sandboxes and come out of them.
func archiveCases() []Case {
	return slices.Concat(
		putContentCases(), putReplaceCases(), putMetaCases(), putLinkCases(), putDirCases(), putMountCases(), putEndCases(),
		putHostileCases(), getCases(), getEndCases(),
	)
}
