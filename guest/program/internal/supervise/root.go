//go:build linux

package supervise

import "os"

// writableRoot lets the root directory's owner write there. Podman's is 0555 unless the image says otherwise, Docker's is 0755; root, without
// capabilities, could make a file in / on the one and not on the other. Who is not the owner may not, and needs not; neither does anyone where the
// root is read-only. Only commands need it: a file operation that changed the mode of / would be one that does what it was not asked to.
func writableRoot() {
	if info, err := os.Stat("/"); err == nil && info.Mode().Perm()&0o200 == 0 {
		_ = os.Chmod("/", info.Mode()|0o200)
	}
}
