// inet_pton(), inet_ntop(): the system's functions for addresses as text, and nothing else of its sockets.
#pragma once

#if defined(_WIN32)
#include <boost/asio/detail/socket_types.hpp>
#else
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#endif
