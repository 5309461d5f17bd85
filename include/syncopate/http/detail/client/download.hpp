// Download: what Client::download() asks a server for, and how it takes the answer: all of a file, or the rest of it.
#pragma once

#include <syncopate/http/client_stream.hpp>
#include <syncopate/http/detail/client/download_file.hpp>
#include <syncopate/http/detail/client/download_version.hpp>
#include <syncopate/http/detail/message/request_parts.hpp>
#include <syncopate/http/detail/session/retry_wait.hpp>
#include <syncopate/http/download_options.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/progress.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/retry_policy.hpp>
#include <syncopate/http/url.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// Lies in the frame of Client::download(), which sends next_request() until it is complete.
class Download {
public:
    Download(
        Request request,
        std::filesystem::path path,
        DownloadOptions options,
        RetryPolicy const& policy)
        : request_(std::move(request)), options_(std::move(options)), policy_(policy),
          decodes_(RequestAccess::parts(request_).settings().decompress.value_or(
              request_.headers().contains("Accept-Encoding"))),
          file_(
              std::move(path),
              may_go_on() ? DownloadFile::Unfinished::kept : DownloadFile::Unfinished::removed) {
        // A file is written as the server has it: a .tar.gz stays one, though the server calls that an encoding.
        if (!decodes_)
            request_.decompress(false);
        if (!file_.is_kept())
            return;
        version_.emplace(file_.partial(), key());
        // A part of what is encoded could not be gone on with: that of the file is written.
        if (!request_.headers().contains("Accept-Encoding"))
            request_.header("Accept-Encoding", "identity");
    }

    bool is_complete() const noexcept { return is_complete_; }

    /// Asks for what is missing: for all of it, or for the rest of the same version.
    Request next_request() {
        auto request = request_;
        asked_from_ = 0;
        if (version_ && file_.size() > 0 && !version_->validator().empty()) {
            asked_from_ = file_.size();
            request.header("Range", "bytes=" + std::to_string(asked_from_) + "-")
                .header("If-Range", version_->validator());
        }
        return request;
    }

    /// Writes what comes, if it is what is missing. What breaks off is asked for again after pause(), if the policy
    /// allows that.
    ///
    /// stop:      a stop request ends it.
    /// Throws:    StatusError; Errc::body_too_large; what the body, the file and the progress function throw.
    void receive(ClientStream& stream, std::stop_token const& stop) {
        pause_ = {};
        if (!begin(stream))
            return;
        auto const before = file_.size();
        try {
            copy(stream, stop);
            is_complete_ = true;
        } catch (std::system_error const& error) {
            bool const has_more =
                version_ && !version_->validator().empty() && file_.size() > before;
            failures_ = has_more ? 1 : failures_ + 1;
            if (!version_ || !is_break(error.code()) || failures_ >= policy_.attempts())
                throw;
            pause_ = backoff_after(policy_, failures_);
        }
    }

    /// To be waited before the next request.
    RetryPolicy::Duration pause() const noexcept { return pause_; }

    void commit() {
        file_.commit();
        if (version_)
            version_->forget();
    }

private:
    static bool is_break(std::error_code const& error) noexcept {
        return error == Errc::body_truncated || error == Errc::connection_lost ||
               error == Errc::body_timed_out;
    }

    bool may_go_on() const noexcept {
        return options_.resume() && request_.method() == Verb::get &&
               !request_.headers().contains("Range");
    }

    /// The URL with its query, without user and password, which do not belong into a file.
    std::string key() const {
        std::string key = redacted_url(request_.url());
        for (auto const& [name, value] : RequestAccess::parts(request_).query)
            key.append("&").append(name).append("=").append(value);
        return key;
    }

    /// Looks at the head of the response. Returns whether its body is to be written; if not, all has been there already,
    /// or has to be asked for from the beginning.
    bool begin(ClientStream const& stream) {
        auto const range = ContentRange::of(stream.headers());
        bool const is_rest = asked_from_ > 0;
        if (is_rest && stream.status() == 416) {
            is_complete_ = range.total == file_.size();
            if (!is_complete_)
                restart({});
            return false;
        }
        if (!stream.is_ok())
            stream.raise_for_status();
        if (is_rest && stream.status() == 206) {
            if (range.first != asked_from_ || is_other_version(stream.headers())) {
                restart({});
                return false;
            }
            so_far_.receive_total = range.total;
        } else {
            bool const is_whole = stream.status() == 200 &&
                                  !(decodes_ && stream.headers().contains("Content-Encoding"));
            restart(is_whole ? validator_of(stream.headers()) : std::string());
            so_far_.receive_total = stream.announced_size();
        }
        if (so_far_.receive_total)
            limit(*so_far_.receive_total, stream);
        return true;
    }

    bool is_other_version(Headers const& headers) const noexcept {
        auto const tag = trimmed(headers["ETag"]);
        return !tag.empty() && version_->validator().starts_with('"') &&
               tag != version_->validator();
    }

    void restart(std::string validator) {
        if (version_)
            version_->forget();
        file_.restart();
        if (version_)
            version_->set(std::move(validator));
    }

    void copy(ClientStream& stream, std::stop_token const& stop) {
        constexpr std::size_t piece_size = std::size_t{256} * 1024;
        // What came before a connection breaks counts if the rest is asked for: no piece waits until it is full.
        for (std::string const& piece :
             version_ ? stream.pieces(stop) : stream.chunks(piece_size, stop)) {
            limit(file_.size() + piece.size(), stream);
            file_.write(piece);
            so_far_.received = file_.size();
            if (options_.progress())
                options_.progress()(so_far_);
        }
    }

    void limit(std::uint64_t size, ClientStream const& stream) {
        auto const most = options_.max_size();
        if (!most || size <= *most)
            return;
        if (version_)
            version_->forget();
        file_.discard();
        throw_error(
            Errc::body_too_large, std::string(origin_of(stream.url())) + ": more than " +
                                      std::to_string(*most) + " bytes");
    }

    Request request_;
    DownloadOptions const options_;
    RetryPolicy const& policy_;
    bool const decodes_;  // the user has asked for that
    DownloadFile file_;
    std::optional<DownloadVersion> version_;  // if the download can be gone on with
    std::uint64_t asked_from_ = 0;
    std::size_t failures_ = 0;  // since something came
    RetryPolicy::Duration pause_{};
    bool is_complete_ = false;
    Progress so_far_;
};

}  // namespace syncopate::inline v0_1::http::detail
