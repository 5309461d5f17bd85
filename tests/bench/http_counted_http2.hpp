// The works of `http_counted` that go over TLS, by HTTP/2 and by HTTP/1.1.
//
// They are a unit of their own, for the reason in counted_portals.hpp.
#pragma once

namespace bench {

/// One after another.
void http2_get(int count);
void https_get(int count);
/// A hundred at once, again and again.
void http2_get_100(int count);

}  // namespace bench
