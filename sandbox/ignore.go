package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// An ignore says what of a directory is no part of the build context.
type ignore struct {
	dockerfile string
	patterns   *patternmatcher.PatternMatcher // nil: none
}

// ignoreFiles lists the names that an ignore file may have, the one that counts first.
func ignoreFiles(dockerfile string) []string {
	names := []string{".containerignore", ".dockerignore"}
	if dockerfile == "" {
		return names
	}
	return append([]string{dockerfile + ".containerignore", dockerfile + ".dockerignore"}, names...)
}

// isIgnoreFile says whether an engine may take name for an ignore file. None is ever sent: each engine would read its own kinds, and
// leave out more than the one that counts.
func isIgnoreFile(name, dockerfile string) bool {
	return slices.Contains(ignoreFiles(dockerfile), name)
}

func readIgnore(root *os.Root, dockerfile string) (*ignore, error) {
	i := &ignore{dockerfile: dockerfile}
	for _, name := range ignoreFiles(dockerfile) {
		f, err := root.Open(filepath.FromSlash(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, invalid("build", root.Name(), name+" cannot be read: "+err.Error(), "")
		}
		defer f.Close()
		patterns, err := ignorefile.ReadAll(f)
		if err == nil {
			i.patterns, err = patternmatcher.New(patterns)
		}
		if err != nil {
			return nil, invalid("build", root.Name(), name+": "+err.Error(), "mend the pattern")
		}
		break
	}
	return i, nil
}

// leaves says whether name is left out, and if so, whether all that is below is, too.
func (i *ignore) leaves(name string) (leave, whole bool, err error) {
	if isIgnoreFile(name, i.dockerfile) {
		return true, true, nil
	}
	if i.patterns == nil {
		return false, false, nil
	}
	leave, err = i.patterns.MatchesOrParentMatches(filepath.FromSlash(name))
	if err != nil {
		return false, false, invalid("build", name, "a pattern of the ignore file: "+err.Error(), "mend the pattern")
	}
	// A pattern that takes something back may mean anything below, whatever it begins with.
	return leave, leave && !i.patterns.Exclusions(), nil
}

// aside is where a Dockerfile that is left out is sent: the engine needs it, and no image may hold it, nor its directory.
const aside = ".sandlot-dockerfile"

// asideIgnore is the ignore file that keeps it out of the image, which every engine reads the same.
const asideIgnore = ".dockerignore\n" + aside + "\n"
