// CallId: names one blocking call for good. Its address may be that of another call soon.
#pragma once

#include <cstdint>

namespace syncopate::inline v0_1::detail {

/// Zero is no call, or the call of a thread that holds nobody up: the wait graph does not know that one.
using CallId = std::uint64_t;

}  // namespace syncopate::inline v0_1::detail
