// The functions of syncopate::http, for the one unit that compiles them: see <syncopate/src.hpp>.
#pragma once

// clang-format off: that comes first, and the headers before their functions.
#include <syncopate/detail/in_source.hpp>
#include <syncopate/http/detail/requirements.hpp>

#include <syncopate/http.hpp>
#include <syncopate/http/websocket.hpp>

#include <syncopate/http/impl/openssl_start.ipp>
#include <syncopate/http/impl/client.ipp>
#include <syncopate/http/impl/client_cookies.ipp>
#include <syncopate/http/impl/client_response.ipp>
#include <syncopate/http/impl/client_stream.ipp>
#include <syncopate/http/impl/client_websocket.ipp>
#include <syncopate/http/impl/content.ipp>
#include <syncopate/http/impl/links.ipp>
#include <syncopate/http/impl/multipart.ipp>
#include <syncopate/http/impl/request.ipp>
#include <syncopate/http/impl/response.ipp>
#include <syncopate/http/impl/session.ipp>
#include <syncopate/http/impl/status_error.ipp>
// clang-format on

namespace syncopate::inline v0_1::http {

template class BasicClientWebSocket<WebSocket>;
template ClientWebSocket Client::websocket<WebSocket>(WebSocketRequest request, Where where);

}  // namespace syncopate::inline v0_1::http
