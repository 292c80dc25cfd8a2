package engine

import "github.com/sandlot-dev/sandlot/runtime"

// New makes a Runtime out of an engine's API. It is also a runtime.Puller, Stopper, ImageRemover and VolumeRemover. name is the driver's, url what
// opens it again.
func New(api API, name, url string) runtime.Runtime { panic("engine: being built") }
