//go:build tools

// Package tools names the one program that this module builds: compose as a plugin of docker.
package tools

import _ "github.com/docker/compose/v2/cmd"
