// The same for the page about processes.
#include <syncopate/gather.hpp>
#include <syncopate/process_pool.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using namespace syncopate;

extern ProcessPool pool;
asio::awaitable<int> work();
