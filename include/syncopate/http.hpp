// The umbrella of syncopate::http: all public headers but websocket.hpp, which brings in Beast's WebSocket.
#pragma once

#include <syncopate/http/body_iterable.hpp>
#include <syncopate/http/client.hpp>
#include <syncopate/http/client_cookies.hpp>
#include <syncopate/http/connect_info.hpp>
#include <syncopate/http/connect_policies.hpp>
#include <syncopate/http/content.hpp>
#include <syncopate/http/cookie.hpp>
#include <syncopate/http/cookies.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/form.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/json.hpp>
#include <syncopate/http/links.hpp>
#include <syncopate/http/multipart.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/progress.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/session.hpp>
#include <syncopate/http/status_error.hpp>
#include <syncopate/http/text_lines.hpp>
#include <syncopate/http/tls_options.hpp>
#include <syncopate/http/trace.hpp>
#include <syncopate/http/url.hpp>
