// ConnectPolicy: a function that decides which connections a session may make.
#pragma once

#include <functional>

namespace syncopate::inline v0_1::http {

struct ConnectInfo;

/// Decides on a connection: returns if it may be made, and throws if not. What it is told stands in
/// <syncopate/http/connect_info.hpp>.
using ConnectPolicy = std::function<void(ConnectInfo const&)>;

}  // namespace syncopate::inline v0_1::http
