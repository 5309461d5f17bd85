// The macros that other people's headers leave behind: <windows.h>, X11, Qt. Defined after the standard's and
// Boost's headers, so that a use of the name in a header of ours does not compile.
#define min(a, b) not_a_call_of_min
#define max(a, b) not_a_call_of_max
#define near
#define far
#define small char
#define interface struct
#define IN
#define OUT
#define ERROR 0
#define DELETE 0x00010000L
#define OPTIONAL
#define CONST const
#define VOID void
#define Bool int
#define None 0L
#define Status int
#define True 1
#define False 0
#define Always 2
#define Success 0
#define Yield()
#define GetObject GetObjectW
#define SendMessage SendMessageW
#define signals public
#define slots
#define emit
#define foreach for_each_of_qt
