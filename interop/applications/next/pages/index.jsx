// A page of the pages router whose client connects to the Socket.IO server beside Next.
import { useEffect, useState } from 'react'
import { io } from 'socket.io-client'

export default function Home() {
  const [lines, setLines] = useState([])
  useEffect(() => {
    const socket = io()
    const note = (...what) => setLines((earlier) => [...earlier, what.join(' ')])
    socket.on('connect', () => note('connected'))
    socket.on('news', (text) => note('news', text))
    socket.emit('ask', '汉字', (answer) => note('answer', answer))
    socket.io.engine.once('upgrade', (transport) => note('upgraded', transport.name))
    return () => socket.disconnect()
  }, [])
  return (
    <ul>
      {lines.map((line, index) => (
        <li key={index}>{line}</li>
      ))}
    </ul>
  )
}
