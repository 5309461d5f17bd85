// ForcedUnwind: what pthread_exit() unwinds a thread with; whoever catches everything has to let it pass.
#pragma once

#include <exception>

#if defined(__GLIBCXX__)
#include <cxxabi.h>
#endif

namespace syncopate::inline v0_1::detail {

#if defined(__GLIBCXX__)
using ForcedUnwind = abi::__forced_unwind;
#else
/// Nobody throws it.
class ForcedUnwind {};
#endif

}  // namespace syncopate::inline v0_1::detail
