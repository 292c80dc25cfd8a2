package doctor

import "golang.org/x/sys/unix"

// hasFileCaps says whether a program has capabilities of its own. Which ones does not matter: nobody else gives newuidmap any.
func hasFileCaps(path string) bool {
	n, err := unix.Getxattr(path, "security.capability", nil)
	return err == nil && n > 0
}
