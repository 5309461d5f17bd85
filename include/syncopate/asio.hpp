// syncopate::asio: whose Asio the library stands on, Boost's or the one without Boost.
//
// SYNCOPATE_ASIO_STANDALONE, defined for the whole program, chooses the one without Boost. The core then includes
// nothing of Boost; syncopate::http needs Boost.Beast, and so Boost's Asio.
#pragma once

#include <syncopate/detail/error/requirements.hpp>

// The two have the same headers: SYNCOPATE_ASIO(post.hpp) is the name of one.
// NOLINTBEGIN(bugprone-macro-parentheses): a path has none.
#if defined(SYNCOPATE_ASIO_STANDALONE)
#define SYNCOPATE_ASIO(header) <asio/header>
#include <asio/error_code.hpp>
#include <asio/system_error.hpp>
#else
#define SYNCOPATE_ASIO(header) <boost/asio/header>
#include <boost/system/errc.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
namespace boost::asio {}
#endif
// NOLINTEND(bugprone-macro-parentheses)

namespace syncopate::inline v0_1 {

#if defined(SYNCOPATE_ASIO_STANDALONE)
namespace asio = ::asio;
#else
namespace asio = boost::asio;
#endif

namespace detail {

// How this Asio tells what failed: the standard library's types, or those of Boost.System.
#if defined(SYNCOPATE_ASIO_STANDALONE)
using AsioErrorCode = asio::error_code;
using AsioSystemError = asio::system_error;
#else
using AsioErrorCode = boost::system::error_code;
using AsioSystemError = boost::system::system_error;
#endif

}  // namespace detail
}  // namespace syncopate::inline v0_1
