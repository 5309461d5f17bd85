// A program for macOS 14.4, the first that waits on addresses.
#pragma once

#define __MAC_OS_X_VERSION_MIN_REQUIRED 140400
