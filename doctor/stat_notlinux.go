//go:build !linux

package doctor

func hasFileCaps(string) bool { return false }
