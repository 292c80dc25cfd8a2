package conformance

import (
	"errors"
	"io/fs"
	"math"
	"strings"
	"syscall"

	"github.com/sandlot-dev/sandlot/runtime"
)

const contractChange = "runtime.FileChanger.ChangeFile"

// changeCases are about changes of files that are no archives.
func changeCases() []Case {
	cases := append(renameCases(), attributeCases()...)
	for i := range cases {
		cases[i].Needs = append([]runtime.Capability{runtime.CapabilityChangeFiles}, cases[i].Needs...)
	}
	return cases
}

// renameCases are about names.
func renameCases() []Case {
	return []Case{
		{
			ID: "files/rename", Contract: "runtime.Rename",
			Rule: "A rename moves a file, directory or link as it is. Its path and To are relative to the working directory, and lead through links; their last parts are not followed.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/a/deep")
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/b")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/a/f", "content")
				t.MustExec(id, runtime.ExecOptions{}, "chmod", "4711", "/work/a/f")
				t.MustExec(id, runtime.ExecOptions{}, "link", "/work/b", "/work/to-b")
				t.MustExec(id, runtime.ExecOptions{}, "link", "a/f", "/work/to-f")
				odd := "a b\n☃\xff"
				before := t.Lstat(id, "/work/a/f")
				t.MustChange(id, "a/f", runtime.Rename{To: "to-b/" + odd}, runtime.ChangeFileOptions{})
				after := t.Lstat(id, "/work/b/"+odd)
				before.Path, after.Path = "", ""
				t.Equal("the file under its new name", after, before)
				t.MustChange(id, "/work/to-f", runtime.Rename{To: "/work/b/l"}, runtime.ChangeFileOptions{})
				t.MustChange(id, "a/../a", runtime.Rename{To: "b/c"}, runtime.ChangeFileOptions{})
				t.Equal("what is there", t.What(id, "/work/a", "/work/to-f", "/work/b/l", "/work/b/c", "/work/b/c/deep"),
					[]string{"missing", "missing", "link a/f", "dir", "dir"})
			},
		},
		{
			ID: "files/rename-replaces", Contract: "runtime.Rename",
			Rule: "A file or link takes the place of a file or link, which is not followed, and a directory that of an empty directory.",
			Run: func(t *T) {
				id := t.Sandbox()
				for _, dir := range []string{"/work/full/sub", "/work/empty", "/work/kept"} {
					t.MustExec(id, runtime.ExecOptions{}, "mkdir", dir)
				}
				for name, content := range map[string]string{"f1": "1", "f2": "2", "f3": "3", "kept/f": "kept"} {
					t.MustExec(id, runtime.ExecOptions{}, "write", "/work/"+name, content)
				}
				for name, target := range map[string]string{"l1": "kept", "l2": "kept/f", "l3": "nowhere"} {
					t.MustExec(id, runtime.ExecOptions{}, "link", target, "/work/"+name)
				}
				for _, names := range [][2]string{{"f1", "f2"}, {"f3", "l1"}, {"l2", "f2"}, {"f2", "l3"}, {"full", "empty"}} {
					t.MustChange(id, names[0], runtime.Rename{To: names[1]}, runtime.ChangeFileOptions{})
				}
				t.Equal("what is there", t.Below(id, "/work"), []string{"empty dir", "empty/sub dir", "kept dir", "kept/f file kept", "l1 file 3", "l3 link kept/f"})
			},
		},
		{
			ID: "files/rename-refused", Contract: "runtime.Rename",
			Rule: "A file over a directory, a directory over a file or a full directory or into itself, and paths whose last part is no name are ErrInvalid; a missing directory is ErrFileNotFound. All stays as it was.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/empty")
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/full/sub")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/f", "f")
				want := t.Everything(id, "/work")
				for _, names := range [][2]string{
					{"f", "empty"}, {"empty", "f"}, {"empty", "full"}, {"full", "full/sub/x"}, {"full", "full/x"}, {"f", "."}, {"f", ".."}, {"f", "x/"},
					{"f", "empty/."}, {".", "x"}, {"/", "x"}, {"empty/", "x"}, {"f", ""}, {"", "f"}, {"f", "a\x00b"}, {"f", "/"}, {"f", strings.Repeat("n", 256)},
				} {
					t.ErrorIs("the rename", t.Change(id, names[0], runtime.Rename{To: names[1]}, runtime.ChangeFileOptions{}), runtime.ErrInvalid)
				}
				t.ErrorIs("a rename that follows", t.Change(id, "f", runtime.Rename{To: "g"}, follow), runtime.ErrInvalid)
				for _, to := range []string{"missing/x", "f/x"} {
					t.ErrorIs("the rename", t.Change(id, "empty", runtime.Rename{To: to}, runtime.ChangeFileOptions{}), runtime.ErrFileNotFound)
				}
				t.Equal("all that is there", t.Everything(id, "/work"), want)
			},
		},
		{
			ID: "files/rename-copies-nothing", Contract: "runtime.Rename", Needs: []runtime.Capability{runtime.CapabilityTmpfs},
			Rule: "What would have to be copied is an ErrInvalid that matches EXDEV, and stays: to another file system always, for a directory of the image where it cannot be moved.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{Mounts: []runtime.Mount{{Type: runtime.MountTmpfs, Target: "/mnt/tmpfs"}}})
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/f", "f")
				err := t.Change(id, "f", runtime.Rename{To: "/mnt/tmpfs/f"}, runtime.ChangeFileOptions{})
				t.ErrorIs("the rename", err, runtime.ErrInvalid)
				t.True(errors.Is(err, syscall.EXDEV), "the error", err, "one that is EXDEV")
				t.Equal("what is there", t.What(id, "/work/f", "/mnt/tmpfs/f"), []string{"file f", "missing"})
				want := []string{"missing", "dir"}
				if err = t.Change(id, "/home", runtime.Rename{To: "/mnt/home"}, runtime.ChangeFileOptions{}); err != nil {
					t.ErrorIs("the rename of a directory of the image", err, runtime.ErrInvalid)
					t.True(errors.Is(err, syscall.EXDEV), "the error", err, "one that is EXDEV")
					want = []string{"dir", "missing"}
				}
				t.Equal("what is there", t.What(id, "/home/"+workerName, "/mnt/home/"+workerName), want)
			},
		},
	}
}

// attributeCases are about modes and owners, and about what is true of every change.
func attributeCases() []Case {
	owners := []runtime.Capability{runtime.CapabilityOwners}
	return []Case{
		{
			ID: "files/chmod", Contract: "runtime.Chmod",
			Rule: "A mode is set with setuid, setgid and sticky, of files and directories, through a link with Follow. A link without is ErrInvalid, and so are other bits; nothing below is changed.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/d")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/d/f", "f")
				t.MustExec(id, runtime.ExecOptions{}, "link", "d/f", "/work/l")
				mode := func(path string) uint32 { return t.Lstat(id, path).Mode }
				before := mode("/work/d/f")
				t.MustChange(id, "d", runtime.Chmod{Mode: 0o700 | fs.ModeSticky | fs.ModeSetgid}, runtime.ChangeFileOptions{})
				t.Equal("the directory's mode", mode("/work/d"), uint32(0o3700))
				t.Equal("the mode of the file in it", mode("/work/d/f"), before)
				t.MustChange(id, "l", runtime.Chmod{Mode: 0o751 | fs.ModeSetuid}, follow)
				t.Equal("the mode of what a link leads to", mode("/work/d/f"), uint32(0o4751))
				t.MustChange(id, "/work/d/f", runtime.Chmod{}, runtime.ChangeFileOptions{})
				t.Equal("the file's mode", mode("/work/d/f"), uint32(0))
				t.ErrorIs("the mode of a link", t.Change(id, "l", runtime.Chmod{Mode: 0o777}, runtime.ChangeFileOptions{}), runtime.ErrInvalid)
				for _, wrong := range []fs.FileMode{0o4755, fs.ModeDir | 0o755, fs.ModeSymlink, fs.ModeAppend} {
					t.ErrorIs("the change", t.Change(id, "d/f", runtime.Chmod{Mode: wrong}, runtime.ChangeFileOptions{}), runtime.ErrInvalid)
				}
				t.Equal("the file's mode after what was refused", mode("/work/d/f"), uint32(0))
			},
		},
		{
			ID: "files/chown", Contract: "runtime.Chown", Needs: owners,
			Rule: "An owner and a group are set, -1 leaves them; of a link itself, or with Follow of what it leads to; setuid goes; nothing below is changed. Numbers that are none are ErrInvalid.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/d")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/d/f", "f")
				t.MustExec(id, runtime.ExecOptions{}, "chmod", "6755", "/work/d/f")
				t.MustExec(id, runtime.ExecOptions{}, "link", "d/f", "/work/l")
				owner := func(path string) [2]int {
					f := t.Lstat(id, path)
					return [2]int{f.UID, f.GID}
				}
				t.MustChange(id, "d", runtime.Chown{UID: workerID, GID: otherID}, runtime.ChangeFileOptions{})
				t.MustChange(id, "l", runtime.Chown{UID: otherID, GID: -1}, runtime.ChangeFileOptions{})
				t.Equal("the owners of directory, link and file", [3][2]int{owner("/work/d"), owner("/work/l"), owner("/work/d/f")},
					[3][2]int{{workerID, otherID}, {otherID, 0}, {0, 0}})
				t.Equal("the file's mode", t.Lstat(id, "/work/d/f").Mode, uint32(0o6755))
				t.MustChange(id, "l", runtime.Chown{UID: -1, GID: workerID}, follow)
				t.Equal("the owners of link and file", [2][2]int{owner("/work/l"), owner("/work/d/f")}, [2][2]int{{otherID, 0}, {0, workerID}})
				t.Equal("the file's mode with another owner", t.Lstat(id, "/work/d/f").Mode, uint32(0o755))
				for _, wrong := range []runtime.Chown{{UID: -2}, {GID: -2}, {UID: math.MaxUint32}, {GID: math.MaxInt32, UID: math.MinInt32}} {
					t.ErrorIs("the change", t.Change(id, "d/f", wrong, runtime.ChangeFileOptions{}), runtime.ErrInvalid)
				}
				t.Equal("the file's owner", owner("/work/d/f"), [2]int{0, workerID})
			},
		},
		{
			ID: "files/administrator", Contract: contractChange, Needs: append(owners, runtime.CapabilityUser),
			Rule: "A change needs no rights of the sandbox's user.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{User: workerName})
				t.MustPut(id, "/mnt", runtime.PutArchiveOptions{KeepOwner: true}, dirEntry("d").with(0o700), fileEntry("d/f", "secret").with(0o600))
				t.Equal("what the user sees", t.What(id, "/mnt/d/f"), []string{"missing"})
				t.MustChange(id, "/mnt/d/f", runtime.Chmod{Mode: 0o640}, runtime.ChangeFileOptions{})
				t.MustChange(id, "/mnt/d/f", runtime.Chown{UID: 0, GID: workerID}, runtime.ChangeFileOptions{})
				t.MustChange(id, "/mnt/d/f", runtime.Rename{To: "/mnt/f"}, runtime.ChangeFileOptions{})
				f := t.Lstat(id, "/mnt/f")
				t.Equal("what is there", []any{f.Content, f.Mode, f.UID, f.GID}, []any{"secret", uint32(0o640), 0, workerID})
			},
		},
		{
			ID: "files/missing", Contract: contractChange, Needs: owners,
			Rule: "A path that does not exist, or leads through a file, is ErrFileNotFound, also where a pipe is in its way.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/f", "f")
				t.MustExec(id, runtime.ExecOptions{}, "fifo", "/work/pipe")
				t.MustExec(id, runtime.ExecOptions{}, "link", "nowhere", "/work/l")
				for _, path := range []string{"missing", "missing/f", "f/x", "pipe/x", "l/x"} {
					for _, change := range []runtime.FileChange{runtime.Rename{To: "new"}, runtime.Chmod{Mode: 0o600}, runtime.Chown{}} {
						t.ErrorIs("the change", t.Change(id, path, change, runtime.ChangeFileOptions{}), runtime.ErrFileNotFound)
					}
				}
				t.ErrorIs("the change of what a link leads to", t.Change(id, "l", runtime.Chmod{Mode: 0o600}, follow), runtime.ErrFileNotFound)
				t.Equal("what is there", t.What(id, "/work/new"), []string{"missing"})
			},
		},
		{
			ID: "files/devices", Contract: contractChange, Needs: owners,
			Rule: "Devices stay as they are: ErrInvalid.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				t.MustExec(id, runtime.ExecOptions{}, "write", "/dev/f", "f")
				t.MustExec(id, runtime.ExecOptions{}, "link", "null", "/dev/l")
				want := t.Lstat(id, "/dev/null")
				for _, c := range []struct {
					path   string
					change runtime.FileChange
					opts   runtime.ChangeFileOptions
				}{
					{"/dev/null", runtime.Rename{To: "/dev/x"}, runtime.ChangeFileOptions{}}, {"/dev/f", runtime.Rename{To: "/dev/null"}, runtime.ChangeFileOptions{}},
					{"/dev/null", runtime.Chmod{Mode: 0o600}, runtime.ChangeFileOptions{}}, {"/dev/l", runtime.Chmod{Mode: 0o600}, follow},
					{"/dev/null", runtime.Chown{UID: workerID, GID: workerID}, runtime.ChangeFileOptions{}}, {"/dev/l", runtime.Chown{UID: workerID, GID: workerID}, follow},
				} {
					t.ErrorIs("the change", t.Change(id, c.path, c.change, c.opts), runtime.ErrInvalid)
				}
				t.Equal("the device", t.Lstat(id, "/dev/null"), want)
			},
		},
		{
			ID: "files/read-only", Contract: contractChange, Needs: append(owners, runtime.CapabilityReadOnlyRoot),
			Rule: "A change on a read-only file system is ErrReadOnly.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{ReadOnlyRoot: true})
				for _, change := range []runtime.FileChange{runtime.Rename{To: "/etc/x"}, runtime.Chmod{Mode: 0o600}, runtime.Chown{UID: 1}} {
					t.ErrorIs("the change", t.Change(id, "/etc/passwd", change, runtime.ChangeFileOptions{}), runtime.ErrReadOnly)
				}
			},
		},
		{
			ID: "files/not-running", Contract: "runtime.Runtime",
			Rule: "A change in a sandbox that has been stopped is ErrNotRunning, and in one that is gone ErrNotFound.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				t.stop(id, runtime.StopOptions{})
				change := runtime.Chmod{Mode: 0o755}
				t.ErrorIs("in a stopped sandbox", t.Change(id, "/work", change, runtime.ChangeFileOptions{}), runtime.ErrNotRunning)
				t.Remove(id)
				t.ErrorIs("in a removed sandbox", t.Change(id, "/work", change, runtime.ChangeFileOptions{}), runtime.ErrNotFound)
			},
		},
	}
}
