# SPDX-License-Identifier: Apache-2.0
#
# A module is a folder with a target of its own. Its include root is a folder of
# the build tree that holds nothing but a link to the module, so a header can be
# included only by targets that name the module in USES: the table "which may
# know which" of docs/architecture.md is enforced by the compiler.

set(BH_WARNINGS -Wall -Wextra -Wshadow -Wconversion -Wvla -Wswitch-enum -Wmissing-prototypes
                -Wstrict-prototypes -Wformat=2)

# Flags for every target of ours.
function(bh_compile_options target)
	target_compile_options(${target} PRIVATE ${BH_WARNINGS})
	target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
	# GCC 12 at -O3 parts a loop that moves structs out of an array (BH_TAKE) so that it
	# clears them before it has copied them, and says that their types allow it
	target_compile_options(${target} PRIVATE -fno-strict-aliasing)
	# a broken promise of our own ends the program, in what users run too
	target_compile_options(${target} PRIVATE -UNDEBUG)
	if(BH_WERROR)
		target_compile_options(${target} PRIVATE -Werror)
	endif()
	if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug" AND NOT BH_SANITIZE AND NOT BH_COVERAGE)
		target_compile_options(${target} PRIVATE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
		                                         -fstack-protector-strong)
	endif()
endfunction()

# Flags that only our own side is built with: handlers are run as users' are.
function(bh_instrument target)
	if(BH_SANITIZE)
		target_compile_options(${target} PRIVATE -fsanitize=address,undefined
		                       -fno-sanitize-recover=all -fno-omit-frame-pointer)
		target_link_options(${target} PUBLIC -fsanitize=address,undefined)
		# The search for leaks at the end of a program reads all that shared libraries keep: the
		# sanitizers' own tables of 8 MiB, with a page fault each 4 KiB, if they are one.
		if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
			target_link_options(${target} PUBLIC -static-libasan -static-libubsan)
		endif()
	endif()
	if(BH_COVERAGE)
		target_compile_options(${target} PRIVATE --coverage -fprofile-update=atomic)
		target_link_options(${target} PUBLIC --coverage)
	endif()
	if(BH_FUZZ)
		target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link,address,undefined
		                       -fno-sanitize-recover=all)
		target_link_options(${target} PUBLIC -fsanitize=address,undefined)
	endif()
endfunction()

# bh_module(NAME DIR folder SOURCES … HEADERS … USES …): an object library
# bh_NAME from `folder` (relative to the project). Headers are included as
# "folder/x.h" and each is compiled alone.
function(bh_module name)
	cmake_parse_arguments(arg "PLAIN" "DIR" "SOURCES;HEADERS;USES" ${ARGN})
	set(root ${CMAKE_BINARY_DIR}/roots/${name})
	get_filename_component(parent ${root}/${arg_DIR} DIRECTORY)
	file(MAKE_DIRECTORY ${parent})
	file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${arg_DIR} ${root}/${arg_DIR} SYMBOLIC)

	add_library(bh_${name} OBJECT)
	list(TRANSFORM arg_SOURCES PREPEND ${PROJECT_SOURCE_DIR}/${arg_DIR}/)
	list(TRANSFORM arg_HEADERS PREPEND ${root}/${arg_DIR}/)
	target_sources(bh_${name} PRIVATE ${arg_SOURCES}
	               PUBLIC FILE_SET HEADERS BASE_DIRS ${root} FILES ${arg_HEADERS})
	target_link_libraries(bh_${name} PUBLIC ${arg_USES})
	bh_compile_options(bh_${name})
	if(NOT arg_PLAIN)
		bh_instrument(bh_${name})
	endif()
endfunction()
