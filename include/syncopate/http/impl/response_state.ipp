// Response::State: a response from its header to the end of its body.
#pragma once

#include <syncopate/http/content.hpp>
#include <syncopate/http/detail/message/response_head.hpp>
#include <syncopate/http/detail/session/exchange.hpp>
#include <syncopate/http/detail/session/session_core.hpp>
#include <syncopate/http/progress.hpp>
#include <syncopate/http/url.hpp>

#include <memory>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http {

struct Response::State {
    State(
        std::shared_ptr<detail::SessionCore> its_core,
        std::shared_ptr<detail::SessionLoop> loop,
        detail::Deadline total,
        bool its_has_usual_total,
        auto const& request,
        Url&& its_url)
        : core(std::move(its_core)), progress(request.on_progress), url(std::move(its_url)),
          has_usual_total(its_has_usual_total),
          exchange(core->options(), request, std::move(loop), total, progress, head, url.origin()),
          content(exchange, {core->options().max_body_size(), core->options().max_line_size()}) {}

    std::shared_ptr<detail::SessionCore> const core;
    ProgressFunction const progress;
    Url const url;
    bool const has_usual_total;  // nobody has set it
    detail::ResponseHead head;
    detail::Exchange exchange;
    Content content;
    std::vector<Response> history;
};

}  // namespace syncopate::inline v0_1::http
