// system::use_trust_store(): the authorities that the operating system trusts, as each of them keeps them.
#pragma once

#if defined(_WIN32)
#include <syncopate/http/detail/system/trust_store_windows.hpp>
#else
#include <syncopate/http/detail/system/trust_store_posix.hpp>
#endif
