package runtime

// PutArchiveOptions are the options of [Runtime].PutArchive. On every runtime:
//
//   - Entries belong to the sandbox's user and its group, or to the archive's uid and gid with KeepOwner. An owner that the
//     sandbox's user namespace does not have is ErrInvalid.
//   - A file or link takes the place of a file or link of its name, in one step. It never takes the place of a directory, nor a directory of
//     a file, and nothing that of a device: ErrInvalid.
//   - A directory that is there keeps its owner and mode. Directories that entries need and the archive lacks are made
//     with mode 0755, the sandbox user's also with KeepOwner.
//   - Entries are written through a symbolic link to a directory only where that stays below dir; else, and for names with
//     "..", ErrInvalid. A leading "/" of a name is dropped.
//   - Files, directories, symbolic links and hard links (to files below dir; one to a symbolic link is to the link itself) are unpacked;
//     devices, pipes and whatever else are ErrInvalid.
//   - Mode bits are set as they are, with setuid, setgid and sticky; modification times too.
//   - A read-only file system is ErrReadOnly, a full one ErrNoSpace.
//   - A tmpfs or volume mounted there gets the files, as the sandbox sees them.
type PutArchiveOptions struct {
	// KeepOwner gives entries the uid and gid that the archive names.
	KeepOwner bool
	// CreateDir makes dir and its parents, mode 0755, the sandbox user's, if missing. Without it a missing dir is ErrFileNotFound. A
	// dir that is not a directory is ErrInvalid.
	CreateDir bool
	// Remove lists paths, relative to dir, that are removed with everything below before the first entry is written. One that does not exist is no
	// error; one that leads outside dir, or is dir, is ErrInvalid.
	Remove []string
}

// PutArchiveResult is the result of [Runtime].PutArchive.
type PutArchiveResult struct {
	// Entries is how many entries were written, Bytes how many bytes of file content.
	Entries int   `json:"entries"`
	Bytes   int64 `json:"bytes"`
}

// GetArchiveOptions are the options of [Runtime].GetArchive.
type GetArchiveOptions struct {
	// HeadersOnly leaves out the content of files: each regular file's size stands in the PAX record SANDLOT.size and its
	// entry has none. It is how to stat and to list.
	HeadersOnly bool
	// Depth limits how far to descend: 0 is all, 1 is path alone, 2 path and what is directly in it, and so on.
	Depth int
	// Follow follows path itself where it is a symbolic link. Links below it are never followed.
	Follow bool
}

// PAXSize is the PAX record that holds a file's size where GetArchiveOptions.HeadersOnly leaves out its content.
const PAXSize = "SANDLOT.size"

// GetArchiveResult is the result of [Runtime].GetArchive.
type GetArchiveResult struct {
	Entries int   `json:"entries"`
	Bytes   int64 `json:"bytes"`
}
