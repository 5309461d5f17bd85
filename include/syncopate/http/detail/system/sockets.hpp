// system::SocketInput, look_at(), is_silent(), close_in_children(), connected_pair(), lookup_failure(): sockets, as
// each operating system has them; and its functions for addresses and names.
#pragma once

#if defined(_WIN32)
#include <syncopate/http/detail/system/sockets_windows.hpp>
#else
#include <syncopate/http/detail/system/sockets_posix.hpp>
#endif
