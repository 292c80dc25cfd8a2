package runtime

import "context"

// A FileWatcher is a Runtime that tells what changes among a sandbox's files.
type FileWatcher interface {
	// WatchFiles tells of what happens in the directory at path, which is absolute or relative to the sandbox's working directory, and may itself be
	// reached through symbolic links; links in it are not followed. It needs no rights of the sandbox's user. All that happens after opts.Ready was
	// called is told, in the order in which it happened, whoever does it in the sandbox. What happens outside of it to what is mounted there, and
	// what is written to memory that a file is mapped to, may be told or not.
	//
	// It returns, always with an error, when ctx is done; when tell returns an error, which is then that; when the directory itself is removed or
	// moved, and when it does not exist: [ErrFileNotFound]; when there are more directories to watch than the system or the runtime
	// can: [ErrUnavailable]; when the sandbox ends: [ErrConnectionLost]. Where path is no directory it is [ErrInvalid].
	//
	// tell is called by one goroutine at a time, and not after WatchFiles has returned. While it blocks, nothing else of the sandbox is held up. Events
	// that come meanwhile are kept, but not without bound: what was lost is a [FileOverflow].
	WatchFiles(ctx context.Context, id, path string, tell func(FileEvent) error, opts WatchFilesOptions) (WatchFilesResult, error)
}

// WatchFilesOptions are the options of [FileWatcher].WatchFiles.
type WatchFilesOptions struct {
	// Recursive watches the directories below, too, and those that come. What happens in one that is new before it is watched is told as
	// FileCreated of what is found there.
	Recursive bool
	// Ready, where it is not nil, is called once, before tell, when the watch stands.
	Ready func()
}

// WatchFilesResult is the result of [FileWatcher].WatchFiles.
type WatchFilesResult struct{}

// A FileEvent is something that happened to a file, directory, link or whatever else a directory holds.
type FileEvent struct {
	Op FileOp
	// Path is relative to the directory that is watched. That itself is "."; of a FileOverflow it is empty. Whatever runs in the sandbox chooses
	// it, and it may hold any bytes but zero. It never leads out of the directory by itself.
	Path string
	// To is where a FileRenamed went, as Path is.
	To string
	// Dir says that it is a directory.
	Dir bool
}

// A FileOp says what happened.
type FileOp string

// What may happen.
const (
	FileCreated FileOp = "create"     // is there now, made or moved from where nobody watches; of one thing it may be told twice
	FileWritten FileOp = "write"      // other content, of which more may follow
	FileRemoved FileOp = "remove"     // is not there any more, removed or moved to where nobody watches
	FileRenamed FileOp = "rename"     // is at To now, with all below; may instead be told as removed and created
	FileAttrib  FileOp = "attributes" // another mode, owner or time
	// FileOverflow says that events before it were lost. Whoever looks for himself now, and takes what follows, has missed nothing.
	FileOverflow FileOp = "overflow"
)
