// all_features(): the functions behind Features.
#pragma once

#include <syncopate/http/detail/http2/share.hpp>
#include <syncopate/http/detail/session/connect_flow.hpp>
#include <syncopate/http/detail/session/exchange_flow.hpp>
#include <syncopate/http/detail/session/features.hpp>
#include <syncopate/http/detail/session/request_flow.hpp>
#include <syncopate/http/detail/session/retry_flow.hpp>
#include <syncopate/http/detail/session/session_core.hpp>

namespace syncopate::inline v0_1::http::detail {

/// A friend of the classes whose functions these are.
class AllFeatures {
public:
    static constexpr Features table{
        &SessionCore::set_up,
        &SessionCore::find_proxy,
        &SessionCore::find_addresses,
        &ConnectFlow::open_by_detour,
        &ExchangeFlow::begin,
        &ExchangeFlow::use_own_proxy,
        &ExchangeFlow::prepare_authorization,
        &ExchangeFlow::take_asked_challenge,
        &ExchangeFlow::find_cookies,
        &ExchangeFlow::keep_cookies,
        &RequestFlow::send_body,
        &RetryFlow::run,
        &has_http2,
        &share_by_http2};
};

/// For a session whose user has given options, and for a request that is the user's.
inline Features const& all_features() noexcept {
    return AllFeatures::table;
}

}  // namespace syncopate::inline v0_1::http::detail
