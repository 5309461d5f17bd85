// expected-error: do not define BOOST_ASIO_DISABLE_THREADS
// The error stands in a header: it is an #error.
#ifndef CONTROL
#define BOOST_ASIO_DISABLE_THREADS
#endif
#include <syncopate/thread_runner.hpp>

int main() {}
