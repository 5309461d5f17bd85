#pragma once

#include <boost/asio/awaitable.hpp>

boost::asio::awaitable<int> answer();
