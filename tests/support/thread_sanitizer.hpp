// SYNCOPATE_UNDER_THREAD_SANITIZER: defined where a program is built with ThreadSanitizer.
#pragma once

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SYNCOPATE_UNDER_THREAD_SANITIZER
#endif
#elif defined(__SANITIZE_THREAD__)
#define SYNCOPATE_UNDER_THREAD_SANITIZER
#endif
