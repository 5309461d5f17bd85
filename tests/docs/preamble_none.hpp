// For the fixtures, which need nothing of the library.
#include <boost/asio/awaitable.hpp>
