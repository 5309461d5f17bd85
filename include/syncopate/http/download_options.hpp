// DownloadOptions: how Client::download() writes a file: going on where an earlier download broke off, how much at most.
#pragma once

#include <syncopate/http/progress.hpp>

#include <cstdint>
#include <optional>
#include <utility>

namespace syncopate::inline v0_1::http {

/// The settings of one download. The setters chain:
///
/// ```cpp
/// client.download(url, "large.iso", http::DownloadOptions().resume(true).progress(draw).max_size(4'000'000'000));
/// ```
///
/// Threads:   one at a time, as with any value.
class DownloadOptions {
public:
    /// Whether a download that breaks off can be gone on with. Default: false.
    ///
    /// What has come stays in `large.iso.part` beside the file, and in `large.iso.part.info` what it is a part of. The
    /// next download of the same URL to the same path asks for the rest only. If the server's file has changed since, or
    /// the server tells no version by a strong ETag or a Last-Modified, all of it is downloaded again: parts of two
    /// versions are never put together. With a RetryPolicy of more than one attempt, the call itself goes on after a
    /// connection that broke, as long as each attempt brings something, and as often as the policy allows otherwise.
    DownloadOptions& resume(bool value) noexcept {
        resume_ = value;
        return *this;
    }
    bool resume() const noexcept { return resume_; }

    /// A function that is called on the calling thread after each piece, where it may block: see Client::download().
    /// Default: none.
    DownloadOptions& progress(ProgressFunction function) {
        progress_ = std::move(function);
        return *this;
    }
    ProgressFunction const& progress() const noexcept { return progress_; }

    /// The most bytes that the file may have. Beyond it, Errc::body_too_large, at once if the server has announced it.
    /// Default: no limit.
    DownloadOptions& max_size(std::uint64_t value) noexcept {
        max_size_ = value;
        return *this;
    }
    std::optional<std::uint64_t> max_size() const noexcept { return max_size_; }

private:
    bool resume_ = false;
    ProgressFunction progress_;
    std::optional<std::uint64_t> max_size_;
};

}  // namespace syncopate::inline v0_1::http
