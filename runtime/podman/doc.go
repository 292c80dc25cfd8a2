// Package podman runs sandboxes on Podman, rootful and rootless, from version 4.3 on, over libpod's REST API.
//
// # URLs
//
//	podman+unix:///run/podman/podman.sock
//	podman+tcp://host:port                     with TLS: ?tlscert=FILE&tlskey=FILE&tlsca=FILE
//	podman+ssh://user@host[:port]/run/user/1000/podman/podman.sock?identity=FILE
//
// An ssh URL without a path asks the host for its socket. ssh takes keys from the agent, from identity or CONTAINER_SSHKEY, and what
// ~/.ssh/config says of the host; machine=true is for a virtual machine that `podman machine` made. As with podman, a host that
// ~/.ssh/known_hosts does not have is put there; one whose key has changed is refused. A proxy for tcp is
// taken from CONTAINER_PROXY.
//
// Without a URL, [Places] are tried in their order, and where nothing answers and there is a podman program, a service is started
// that ends with the Runtime, and with this process.
package podman
