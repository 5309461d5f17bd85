// The same for the pages about HTTP.
#include <syncopate/http.hpp>
#include <syncopate/http/websocket.hpp>
#include <syncopate/syncopate.hpp>

#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <iostream>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace asio = boost::asio;
namespace http = syncopate::http;
using namespace syncopate;
using namespace std::chrono_literals;

extern ThreadRunner runner;
extern http::Client client;
extern http::ClientSession session;
extern std::string url;
extern std::string token;
extern std::string bytes;
extern std::vector<std::string> urls;
template <class... Ts>
void use(Ts const&... things);
void draw(http::Progress const& progress);
