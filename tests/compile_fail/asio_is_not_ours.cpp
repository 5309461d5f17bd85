// expected-error: asio
#include <syncopate/http.hpp>

#include <boost/asio/io_context.hpp>

#ifdef CONTROL
using Context = boost::asio::io_context;
#else
using Context = syncopate::asio::io_context;
#endif

int main() {}
