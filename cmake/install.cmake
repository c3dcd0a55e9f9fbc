# SPDX-License-Identifier: Apache-2.0
#
# What is installed: both programs, both libraries in both forms, headers, the
# example handlers, the documentation, and what other builds find the libraries
# by (pkg-config and CMake). Everything may be moved as a whole afterwards, but
# for the place where a program of another folder looks for the launcher.
include(CMakePackageConfigHelpers)

set(BH_INSTALL_CMAKEDIR ${CMAKE_INSTALL_LIBDIR}/cmake/bulkhead)
# where the library looks for it from the launcher's folder: supervisor/python.c
set(BH_INSTALL_PYTHONDIR ${CMAKE_INSTALL_DATADIR}/bulkhead/python)
set(BH_INSTALL_HANDLERDIR ${CMAKE_INSTALL_LIBEXECDIR}/bulkhead/handlers)

set_target_properties(bh_include PROPERTIES EXPORT_NAME headers)
set_target_properties(bulkhead_static PROPERTIES EXPORT_NAME bulkhead)
set_target_properties(bulkhead_shared PROPERTIES EXPORT_NAME bulkhead_shared)

install(TARGETS bulkhead bulkhead-launcher RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS bh_include bulkhead_static bulkhead_shared bulkhead_handler_static
                bulkhead_handler_shared
        EXPORT bulkheadTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS bh_example_noop bh_example_wordcount bh_example_search bh_example_wrap
                bh_example_faulty
        RUNTIME DESTINATION ${BH_INSTALL_HANDLERDIR})
install(PROGRAMS handlers/examples/keywords.py handlers/examples/linecount.py
                 handlers/examples/summary_msgpack.py
        DESTINATION ${BH_INSTALL_HANDLERDIR})
install(DIRECTORY handlers/python/ DESTINATION ${BH_INSTALL_PYTHONDIR} FILES_MATCHING PATTERN "*.py")
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md")

# The .pc files find the prefix from where they lie, so that a tree can be moved.
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
	set(pc_prefix ${CMAKE_INSTALL_PREFIX})
else()
	file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
	string(REGEX REPLACE "/$" "" up "${up}")
	set(pc_prefix "\${pcfiledir}/${up}")
endif()
foreach(kind LIBDIR INCLUDEDIR BINDIR)
	if(IS_ABSOLUTE ${CMAKE_INSTALL_${kind}})
		set(pc_${kind} ${CMAKE_INSTALL_${kind}})
	else()
		set(pc_${kind} "\${prefix}/${CMAKE_INSTALL_${kind}}")
	endif()
endforeach()
foreach(name bulkhead bulkhead-handler)
	configure_file(cmake/${name}.pc.in ${CMAKE_BINARY_DIR}/${name}.pc @ONLY)
	install(FILES ${CMAKE_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

configure_package_config_file(cmake/bulkheadConfig.cmake.in ${CMAKE_BINARY_DIR}/bulkheadConfig.cmake
                              INSTALL_DESTINATION ${BH_INSTALL_CMAKEDIR}
                              PATH_VARS CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/bulkheadConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/bulkheadConfig.cmake
              ${CMAKE_BINARY_DIR}/bulkheadConfigVersion.cmake
        DESTINATION ${BH_INSTALL_CMAKEDIR})
install(EXPORT bulkheadTargets NAMESPACE bulkhead:: DESTINATION ${BH_INSTALL_CMAKEDIR})
