// For the fixtures, which need nothing of the library.
#pragma once

#include <boost/asio/awaitable.hpp>
