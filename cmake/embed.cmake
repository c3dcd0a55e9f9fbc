# SPDX-License-Identifier: Apache-2.0
#
# cmake -DOUTPUT=x.c -DPREFIX=bh_text_ -DINPUTS="a.json;b.json" -P embed.cmake
# makes a C file with each input as a NUL-terminated array, bh_text_a and so on.
set(code "/* Made by embed.cmake */\n")
foreach(input IN LISTS INPUTS)
	get_filename_component(name ${input} NAME_WE)
	file(READ ${input} bytes HEX)
	string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
	string(APPEND code "extern const char ${PREFIX}${name}[];\n"
	                   "const char ${PREFIX}${name}[] = { ${bytes}0 };\n")
endforeach()
file(WRITE ${OUTPUT} "${code}")
