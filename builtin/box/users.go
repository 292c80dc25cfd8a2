//go:build linux

package main

import (
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
)

// userName is a user's name, or the number where there is none.
func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return strconv.Itoa(uid)
}

func groupName(gid int) string {
	if g, err := user.LookupGroupId(strconv.Itoa(gid)); err == nil {
		return g.Name
	}
	return strconv.Itoa(gid)
}

func userID(name string) (int, error) {
	if u, err := user.Lookup(name); err == nil {
		return strconv.Atoi(u.Uid)
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 0 {
		return n, nil
	}
	return 0, fmt.Errorf("%s: no such user", name)
}

func groupID(name string) (int, error) {
	if g, err := user.LookupGroup(name); err == nil {
		return strconv.Atoi(g.Gid)
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 0 {
		return n, nil
	}
	return 0, fmt.Errorf("%s: no such group", name)
}

// myGroups are the process's groups, its own first.
func myGroups() []int {
	groups := []int{os.Getegid()}
	more, _ := os.Getgroups()
	for _, g := range more {
		if !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	return groups
}

func id(c *call) int {
	f := c.flags("[-ugGnr] [USER]")
	onlyUser := f.BoolP("user", "u", false, "the user only")
	onlyGroup := f.BoolP("group", "g", false, "the group only")
	onlyGroups := f.BoolP("groups", "G", false, "all groups only")
	names := f.BoolP("name", "n", false, "names, not numbers")
	f.BoolP("real", "r", false, "the real one")
	if status, ok := c.parse(f); !ok {
		return status
	}
	uid, groups := os.Geteuid(), myGroups()
	if len(c.args) > 0 {
		u, err := user.Lookup(c.args[0])
		if err != nil {
			c.errorf("%s: no such user", c.args[0])
			return 1
		}
		uid, _ = strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		groups = []int{gid}
		ids, _ := u.GroupIds()
		for _, s := range ids {
			if g, err := strconv.Atoi(s); err == nil && !slices.Contains(groups, g) {
				groups = append(groups, g)
			}
		}
	}
	show := func(n int, name func(int) string) string {
		if *names {
			return name(n)
		}
		return strconv.Itoa(n)
	}
	switch {
	case *onlyUser:
		fmt.Fprintln(c.out, show(uid, userName))
	case *onlyGroup:
		fmt.Fprintln(c.out, show(groups[0], groupName))
	case *onlyGroups:
		var list []string
		for _, g := range groups {
			list = append(list, show(g, groupName))
		}
		fmt.Fprintln(c.out, strings.Join(list, " "))
	default:
		with := func(n int, name string) string {
			if name == strconv.Itoa(n) {
				return name
			}
			return fmt.Sprintf("%d(%s)", n, name)
		}
		var list []string
		for _, g := range groups {
			list = append(list, with(g, groupName(g)))
		}
		fmt.Fprintf(c.out, "uid=%s gid=%s groups=%s\n", with(uid, userName(uid)), with(groups[0], groupName(groups[0])), strings.Join(list, ","))
	}
	return 0
}

func groups(c *call) int {
	if status, ok := c.parse(c.flags("")); !ok {
		return status
	}
	var list []string
	for _, g := range myGroups() {
		list = append(list, groupName(g))
	}
	fmt.Fprintln(c.out, strings.Join(list, " "))
	return 0
}

func whoami(c *call) int {
	if status, ok := c.parse(c.flags("")); !ok {
		return status
	}
	fmt.Fprintln(c.out, userName(os.Geteuid()))
	return 0
}
